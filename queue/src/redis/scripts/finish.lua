-- Ends runs. Arguments: one each; id (16 bytes), attempt (10 digits), how:
-- `d` and the reply, `r`, the wait (13 digits) and the error, `f` and the error.
-- Answers for each: 0 not held any more, 1 done, 2 runs again, 3 dead.
local out, ids, over, set, over_list = {}, {}, {}, {}, {}
local gone, undone = { {}, {}, {} }, {}
for at = A + 1, #ARGV do ids[#ids + 1] = string.sub(ARGV[at], 1, 16) end
local records = call('HMGET', JOBS, unpack(ids))
local seen = {}

-- What the first sending of a run's end made of it; nil when it never came.
local function told_before(record, attempt)
    local done = record and string.match(record, '^d(%d+) ')
    if done then return tonumber(done) == attempt and 1 or 0 end
    local r = parse(record)
    if not r or r.attempt ~= attempt then return 0 end
    return (r.state == 'x' and 3) or ((r.state == 's' or r.state == 'f') and 2) or 0
end

local function fail(id, r, how, rest)
    local since, consumer = string.match(r.rest, '^(%d+) (.*)$')
    local wait, message = 0, rest
    if how == 'r' then wait, message = tonumber(string.sub(rest, 1, 13)), string.sub(rest, 14) end
    call('ZREM', LEASES, id)
    note(id, r, consumer, since, { kind = 'failed', message = message })
    if how == 'f' or is_last(r) then
        die(id, r)
        over[#over + 1] = id
        return 3
    end
    M.retried = M.retried + 1
    r.state = 's'
    to_scheduled(id, r, NOW + wait)
    call('HSET', JOBS, id, pack(r))
    return 2
end

for at, id in ipairs(ids) do
    local argument, record = ARGV[A + at], records[at]
    local attempt = tonumber(string.sub(argument, 17, 26))
    local how, rest = string.sub(argument, 27, 27), string.sub(argument, 28)
    local r = parse(record)
    if seen[id] or not (r and r.state == 'r' and r.attempt == attempt) then
        out[at] = AGAIN and not seen[id] and told_before(record, attempt) or 0
    elseif how == 'd' then
        local sids = gone[r.p]
        sids[#sids + 1] = r.sid
        M.bytes, M.live = math.max(M.bytes - r.size, 0), math.max(M.live - 1, 0)
        M.done = M.done + 1
        set[#set + 1] = id
        set[#set + 1] = 'd' .. attempt .. ' ' .. NOW .. ' ' .. rest
        over_list[#over_list + 1] = ended(id, math.max(#rest - 1, 0))
        if r.attempt > 1 then undone[#undone + 1] = id end
        over[#over + 1] = id
        seen[id] = true
        out[at] = 1
    else
        seen[id] = true
        out[at] = fail(id, r, how, rest)
    end
end

for p = 1, 3 do
    if #gone[p] > 0 then call('XDEL', WAIT[p], unpack(gone[p])) end
end
if #over_list > 0 then
    local done = {}
    for at = 1, #set, 2 do done[#done + 1] = set[at] end
    call('ZREM', LEASES, unpack(done))
    if #undone > 0 then call('HDEL', HIST, unpack(undone)) end
    call('HSET', JOBS, unpack(set))
    call('RPUSH', ENDED, unpack(over_list))
    sweep(2 * #over_list)
end
tell(over)
commit()
return out
