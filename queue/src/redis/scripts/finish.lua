-- Ends runs. Arguments: one each; id (16 bytes), attempt (10 digits), how:
-- `d` and the reply, `r`, the wait (13 digits) and the error, `f` and the error.
-- Answers for each: 0 not held any more, 1 done, 2 runs again, 3 dead.
local out, ids, over, set, over_list = {}, {}, {}, {}, {}
local gone, undone = { {}, {}, {} }, {}
for at = A + 1, #ARGV do ids[at - A] = cut(ARGV[at], 1, 16) end
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

-- What of a record follows the id in the stream: jobs that were leased together have the same.
local memo = {}
local function read_rest(rest)
    local size, attempt = string.match(rest, '^ %d+ (%d+) (%d+) ')
    local found = { size = tonumber(size), attempt = attempt,
        done = attempt and 'd' .. attempt .. ' ' .. NOW_TEXT .. ' ' }
    memo[rest] = found
    return found
end

local bytes, count = 0, 0
local function done(id, record, sid, found, reply)
    count = count + 1
    bytes = bytes + found.size
    local sids = gone[tonumber(cut(record, 2, 2))]
    sids[#sids + 1] = sid
    set[2 * count - 1], set[2 * count] = id, found.done .. reply
    over_list[count] = ended(id, math.max(#reply - 1, 0))
    if found.attempt ~= '0000000001' then undone[#undone + 1] = id end
    over[#over + 1] = id
end

for at = 1, #ids do
    local id, argument, record = ids[at], ARGV[A + at], records[at]
    local attempt, how = cut(argument, 17, 26), cut(argument, 27, 27)
    local found, sid
    if record and not seen[id] and cut(record, 1, 1) == 'r' then
        local space = string.find(record, ' ', 4, true)
        local rest = cut(record, space)
        sid, found = cut(record, 4, space - 1), memo[rest] or read_rest(rest)
    end
    if not found or found.attempt ~= attempt then
        out[at] = AGAIN and not seen[id] and told_before(record, tonumber(attempt)) or 0
    elseif how == 'd' then
        done(id, record, sid, found, cut(argument, 28))
        seen[id] = true
        out[at] = 1
    else
        seen[id] = true
        out[at] = fail(id, parse(record), how, cut(argument, 28))
    end
end
M.bytes, M.live = math.max(M.bytes - bytes, 0), math.max(M.live - count, 0)
M.done = M.done + count

for p = 1, 3 do
    if #gone[p] > 0 then call('XDEL', WAIT[p], unpack(gone[p])) end
end
if #over_list > 0 then
    call('ZREM', LEASES, unpack(over))
    if #undone > 0 then call('HDEL', HIST, unpack(undone)) end
    call('HSET', JOBS, unpack(set))
    call('RPUSH', ENDED, unpack(over_list))
    sweep(2 * #over_list)
end
tell(over)
commit()
return out
