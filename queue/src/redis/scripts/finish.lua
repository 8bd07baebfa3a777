-- Ends runs. Arguments: the ids (16 bytes each) of jobs whose first run is done without a reply, no
-- id twice; then one each; id, attempt (10 digits), how:
-- `d` and the reply, `r`, the wait (13 digits) and the error, `f` and the error.
-- Answers for each: 0 not held any more, 1 done, 2 runs again, 3 dead.
treat_as_kept()
local PLAIN, A = ARGV[A + 1], A + 1
local out, ids, over, set = {}, {}, {}, {}
local gone, tried, seen = { {}, {}, {} }, {}, {}
local plain = #PLAIN / 16
for at = 1, plain do ids[at] = cut(PLAIN, 16 * at - 15, 16 * at) end
for at = A + 1, #ARGV do ids[plain + at - A] = cut(ARGV[at], 1, 16) end
local count = #ids
local records = call('HMGET', JOBS, unpack(ids))

local function fail(id, r, how, rest)
    begin()
    local v = moves()
    local since, consumer = v.since_and_consumer(r)
    local wait, message = 0, rest
    if how == 'r' then wait, message = tonumber(cut(rest, 1, 13)), cut(rest, 14) end
    v.unlease(id, r)
    v.note(id, r, consumer, since, { kind = 'failed', message = message })
    if how == 'f' or v.is_last(r) then
        v.die(id, r)
        tell({ id })
        return 3
    end
    M[RETRIED] = M[RETRIED] + 1
    r.state = 's'
    v.to_scheduled(id, r, NOW + wait)
    call('HSET', JOBS, id, v.pack(r))
    return 2
end

local bytes, reply_bytes, bundled = 0, 0, 0
local function done(id, p, sid, size, text, reply)
    local sids, number = gone[p], #over + 1
    sids[#sids + 1] = sid
    bytes = bytes + size
    over[number] = id
    if reply ~= '' then
        reply_bytes = reply_bytes + #reply - 1
        text = text .. reply
    end
    set[2 * number - 1], set[2 * number] = id, text
end

-- What the record of a job that never ran says before its id in the stream: priority and size.
local sizes, priorities, FIRST = {}, {}, 'd1 ' .. NOW_TEXT .. ' '
local function read_start(start)
    local p, size = string.match(start, '^w(%d) %d+ (%d+) 0000000000 0 $')
    priorities[start], sizes[start] = tonumber(p), tonumber(size) or false
    return sizes[start]
end

-- Ends the first run of a job that has no record of it. Answers whether it was one.
local function end_first(id, record, reply)
    local at = string.find(record, ' 0000000000 0 ', 6, true)
    -- Behind that of a job with a history stands an `h`.
    if not at or string.byte(record, -1) == 104 then return false end
    local start, sid = cut(record, 1, at + 13), cut(record, at + 14)
    local size = sizes[start]
    if size == nil then size = read_start(start) end
    if not size then return false end
    local p = priorities[start]
    local last = LAST[p] or last_read(p)
    if #sid == #last and sid > last or #sid ~= #last and not is_up_to(sid, last) then
        return false
    end
    bundled = bundled + 1
    done(id, p, sid, size, FIRST, reply)
    return true
end

local function end_other(id, record, argument)
    local v = moves()
    local r, attempt, how = v.read(record), tonumber(cut(argument, 17, 26)), cut(argument, 27, 27)
    if seen[id] then return 0 end
    if not (r and r.state == 'r' and r.attempt == attempt) then
        return AGAIN and v.told_before(id, record, attempt, how) or 0
    end
    seen[id] = true
    if how ~= 'd' then return fail(id, r, how, cut(argument, 28)) end
    if r.bundle then bundled = bundled + 1 else tried[#tried + 1] = id end
    done(id, r.p, r.sid, r.size, 'd' .. attempt .. ' ' .. NOW_TEXT .. ' ', cut(argument, 28))
    return 1
end

for at = 1, plain do
    local id, record = ids[at], records[at]
    if record and end_first(id, record, '') then
        out[at] = 1
        if count > plain then seen[id] = true end
    else
        out[at] = end_other(id, record, id .. '0000000001d')
    end
end
for at = plain + 1, count do
    out[at] = end_other(ids[at], records[at], ARGV[A + at - plain])
end

if #over > 0 then
    for p = 1, 3 do
        if #gone[p] > 0 then call('XDEL', WAIT[p], unpack(gone[p])) end
    end
    is_begun = true
    if #tried > 0 then
        call('ZREM', LEASES, unpack(tried))
        call('HDEL', HIST, unpack(tried))
    end
    call('HSET', JOBS, unpack(set))
    less(BUNDLED, bundled)
    less(BYTES, bytes)
    less(LIVE, #over)
    M[DONE] = M[DONE] + #over
    ended(over, reply_bytes)
    sweep(2 * #over)
    tell(over)
end
commit()
return out
