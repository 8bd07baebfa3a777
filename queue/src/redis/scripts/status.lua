-- What became of a job. Arguments: its id, and 1 when somebody waits for its end.
-- Answers nothing, or its record and the history of its failures.
settle()
local id = ARGV[A + 1]
local record = known(call('HGET', JOBS, id))
if ARGV[A + 2] == '1' then M[WATCH] = NOW + 60000 end
commit()
if not record then return {} end
local r = read(record)
local history
if r and r.state == 'x' then
    local _, _, of_dead = body(id, r)
    history = of_dead
else
    history = call('HGET', HIST, id)
end
return { r and pack(r) or record, history or '' }
