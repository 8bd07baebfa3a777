-- Takes a job away that does not run. Argument: its id.
-- Answers 1 when it will not run, 2 when it runs, 0 when there was nothing to cancel.
settle()
local id = ARGV[A + 1]
local record = call('HGET', JOBS, id)
local r = read(record)
local out = 0
if not r or r.state == 'x' then
    out = AGAIN and record and cut(record, 1, 1) == 'c' and 1 or 0
elseif r.state == 'r' then
    out = 2
else
    begin()
    unlist(id, r)
    erase(id, r)
    call('HDEL', HIST, id)
    call('HSET', JOBS, id, 'c' .. r.attempt .. ' ' .. NOW .. ' ')
    ended({ id }, 0)
    tell({ id })
    out = 1
end
commit()
return out
