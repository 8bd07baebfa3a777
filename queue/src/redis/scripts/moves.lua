-- The moves of one job. See base.lua.

-- Bodies that are read at once where only their jobs are asked for.
local BODIES_MAX = 16

local function parse(record)
    if not record then return nil end
    local state, p, max, size, attempt, uncounted, sid, rest =
        string.match(record, '^([wfslrx])(%d) (%d+) (%d+) (%d+) (%d+) (%S+) ?(.*)$')
    if not state then return nil end
    return { state = state, p = tonumber(p), sid = sid, max = tonumber(max),
        size = tonumber(size), attempt = tonumber(attempt), uncounted = tonumber(uncounted),
        rest = rest }
end

local function pack(r)
    return r.state .. r.p .. ' ' .. r.max .. ' ' .. r.size .. ' '
        .. string.format('%010d', r.attempt) .. ' ' .. r.uncounted .. ' ' .. r.sid
        .. (r.rest ~= '' and ' ' .. r.rest or '')
end

local function bundle_of(p, sid)
    -- Those of one priority do not overlap: it is the first that ends with the entry or later.
    local member = call('ZRANGEBYLEX', BUNDLES, '[' .. order(p, sid), '+', 'LIMIT', 0, 1)[1]
    local b = member and read_bundle(member)
    if b and b.p == p and is_up_to(b.first, sid) then return b end
    return { since = NOW_TEXT, consumer = '', ask = '-', till = 0 }
end

-- Takes a record apart. A job of a bundle is told apart by `bundle`: it has no record of its run.
local function read(record)
    local r = parse(record)
    local is_new = r and r.state == 'w' and r.attempt == 0 and r.rest == ''
    if is_new and is_up_to(r.sid, last_read(r.p)) then
        r.bundle = bundle_of(r.p, r.sid)
        r.state, r.attempt = 'r', 1
        r.rest = r.bundle.since .. ' ' .. r.bundle.consumer .. ' ' .. r.bundle.ask
    end
    return r
end

local function look_up(id) return read(call('HGET', JOBS, id)) end

-- A job that runs does so no longer.
local function unlease(id, r)
    if r.bundle then
        less(BUNDLED, 1)
        r.bundle = nil
    else
        call('ZREM', LEASES, id)
    end
end

-- In front of a stream jobs are ordered as in it: by the two parts of their id there.
local function front(id, sid)
    local ms, seq = string.match(sid, '^(%d+)-(%d+)$')
    return ms, string.format('%012d', seq) .. id
end

local function to_front(id, r)
    local ms, member = front(id, r.sid)
    call('ZADD', FRONT[r.p], ms, member)
    r.state, r.rest = 'f', ''
    call('HSET', JOBS, id, pack(r))
    ring()
end

local function scheduled(seq, id)
    return string.format('%012d', seq) .. id
end

local function to_scheduled(id, r, due)
    M[SEQ] = M[SEQ] + 1
    call('ZADD', SCHED, due, scheduled(M[SEQ], id))
    r.rest = due .. ' ' .. M[SEQ]
    alarm(due)
    ring()
end

-- Takes a job that does not run out of whatever orders it; its body stays.
local function unlist(id, r)
    if r.state == 'w' then
        less(COUNT[r.p], 1)
    elseif r.state == 'f' then
        local _, member = front(id, r.sid)
        call('ZREM', FRONT[r.p], member)
    elseif r.state == 's' or r.state == 'l' then
        call('ZREM', SCHED, scheduled(string.match(r.rest, '^%d+ (%d+)'), id))
    end
end

-- A body, and when it was enqueued; nil when somebody else deleted it.
local function body(id, r)
    if r.state == 'l' then
        return call('HGET', LATER, id) or nil, string.match(r.rest, '(%d+)$')
    end
    local entry = call('XRANGE', r.state == 'x' and DEAD or WAIT[r.p], r.sid, r.sid)[1]
    if not entry then return nil end
    local fields = {}
    for at = 1, #entry[2], 2 do fields[entry[2][at]] = entry[2][at + 1] end
    return fields.j, fields.t or string.match(r.sid, '^%d+'), fields.h
end

local function erase(id, r)
    less(BYTES, r.size)
    if r.state == 'x' then
        call('XDEL', DEAD, r.sid)
        less(DEAD_BYTES, r.size)
        return
    end
    less(LIVE, 1)
    if r.state == 'l' then call('HDEL', LATER, id) else call('XDEL', WAIT[r.p], r.sid) end
end

-- Writes a failure into the history, of which the newest are kept.
local function note(id, r, consumer, started, failure)
    local old = call('HGET', HIST, id)
    local history = old and cjson.decode(old) or {}
    while #history >= HISTORY_MAX do table.remove(history, 1) end
    history[#history + 1] = { attempt = r.attempt, consumer = consumer,
        started_unix_ms = tonumber(started), ended_unix_ms = NOW, error = failure }
    local text = cjson.encode(history)
    call('HSET', HIST, id, text)
    local more = #text - (old and #old or 0)
    r.size, M[BYTES] = math.max(r.size + more, 0), M[BYTES] + more
end

local function since_and_consumer(r)
    return string.match(r.rest, '^(%d+) (%S*)')
end

-- Drops dead letters, the oldest first, as long as `is_enough` does not say so, `limit` at most.
-- Answers how many.
local function drop_dead(is_enough, limit)
    for dropped = 0, limit - 1 do
        if is_enough() then return dropped end
        local entry = call('XRANGE', DEAD, '-', '+', 'COUNT', 1)[1]
        if not entry then return dropped end
        local id = entry[2][2]
        local r = parse(call('HGET', JOBS, id))
        call('XDEL', DEAD, entry[1])
        M[DROPPED] = M[DROPPED] + 1
        if r and r.state == 'x' then
            call('HDEL', JOBS, id)
            less(BYTES, r.size)
            less(DEAD_BYTES, r.size)
        end
    end
    return limit
end

local function keep_dead_max()
    drop_dead(function() return call('XLEN', DEAD) <= DEAD_MAX end, SETTLE_MAX)
end

-- Makes a dead letter of a job that is in no order any more.
local function die(id, r)
    local blob, enqueued = body(id, r)
    erase(id, r)
    local history = call('HGET', HIST, id) or '[]'
    call('HDEL', HIST, id)
    if not blob then
        call('HDEL', JOBS, id)
        return
    end
    M[BYTES], M[DEAD_BYTES] = M[BYTES] + r.size, M[DEAD_BYTES] + r.size
    r.sid = call('XADD', DEAD, '*', 'i', id, 'j', blob, 't', enqueued, 'h', history)
    r.state, r.rest = 'x', ''
    call('HSET', JOBS, id, pack(r))
    keep_dead_max()
end

local function is_last(r)
    return r.attempt - r.uncounted >= (r.max > 0 and r.max or ATTEMPTS)
end

-- The wait before the next attempt where nobody else says it: as in backoff.rs, the jitter drawn
-- from the microseconds of the clock.
local function backoff(r)
    local longest = BACKOFF_MIN * 2 ^ math.min(r.attempt - r.uncounted, 31)
    longest = math.min(longest, BACKOFF_MAX)
    local shortest = math.min(math.max(longest / 2, BACKOFF_MIN), longest)
    return math.floor(shortest + time[2] * 7919 % (longest - shortest + 1))
end

-- A lease ended. Answers whether the job is dead of it.
local function expire(id, r)
    local since, consumer = since_and_consumer(r)
    unlease(id, r)
    note(id, r, consumer, since, { kind = 'lease_expired' })
    if is_last(r) then
        die(id, r)
        return true
    end
    M[RETRIED] = M[RETRIED] + 1
    r.state = 's'
    to_scheduled(id, r, NOW + backoff(r))
    call('HSET', JOBS, id, pack(r))
end

-- Entries of a bundle whose jobs still run by it, with their records.
local function in_bundle(b, limit)
    local entries, found = call('XRANGE', WAIT[b.p], b.first, b.last, 'COUNT', limit), {}
    if #entries == 0 then return found end
    local ids = {}
    for at, entry in ipairs(entries) do ids[at] = cut(entry[2][2], 1, 16) end
    for at, record in ipairs(call('HMGET', JOBS, unpack(ids))) do
        local r = parse(record)
        if r and r.state == 'w' and r.sid == entries[at][1] and r.attempt == 0 and r.rest == '' then
            r.bundle, r.state, r.attempt = b, 'r', 1
            r.rest = b.since .. ' ' .. b.consumer .. ' ' .. b.ask
            found[#found + 1] = { id = ids[at], r = r, blob = entries[at][2][2] }
        end
    end
    local last = #entries == limit and entries[limit][1] ~= b.last and entries[limit][1]
    return found, last
end

-- Takes back the bundle that ends first if its time is over: jobs that still run by it.
local function expire_bundle(over)
    local member = call('ZRANGEBYSCORE', TILLS, '-inf', NOW, 'LIMIT', 0, 1)[1]
    if not member then return 0 end
    local b = read_bundle(member)
    local found, last = in_bundle(b, SETTLE_MAX)
    for _, one in ipairs(found) do
        if expire(one.id, one.r) then over[#over + 1] = one.id end
    end
    drop_bundles({ member })
    if last then
        local ms, seq = string.match(last, '^(%d+)-(%d+)$')
        b.first = ms .. '-' .. string.format('%d', seq + 1)
        keep_bundle(b)
    end
    return #found + 1
end

local function expire_leases(over)
    local ids = call('ZRANGEBYSCORE', LEASES, '-inf', NOW, 'LIMIT', 0, SETTLE_MAX)
    for _, id in ipairs(ids) do
        local r = parse(call('HGET', JOBS, id))
        if r and r.state == 'r' then
            if expire(id, r) then over[#over + 1] = id end
        else
            call('ZREM', LEASES, id)
        end
    end
end

local function make_ready()
    local members = call('ZRANGEBYSCORE', SCHED, '-inf', NOW, 'LIMIT', 0, SETTLE_MAX)
    for _, member in ipairs(members) do
        local id = cut(member, 13)
        local r = parse(call('HGET', JOBS, id))
        call('ZREM', SCHED, member)
        if r and r.state == 's' then
            to_front(id, r)
        elseif r and r.state == 'l' then
            local blob, enqueued = body(id, r)
            call('HDEL', LATER, id)
            r.sid = call('XADD', WAIT[r.p], '*', 'j', blob, 't', enqueued)
            r.state, r.rest = 'w', ''
            M[COUNT[r.p]] = M[COUNT[r.p]] + 1
            call('HSET', JOBS, id, pack(r))
            ring()
        end
    end
end

-- When the next lease may end or the next job is due.
local function set_alarm()
    M[ALARM] = NEVER
    if M[BUNDLED] == 0 then
        call('UNLINK', BUNDLES, TILLS)
        M[TRIM] = 0
    end
    for _, key in ipairs({ SCHED, LEASES, TILLS }) do
        local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
        if first then alarm(tonumber(first)) elseif key == TILLS then M[BUNDLED] = 0 end
    end
end

-- Takes back leases that ended, makes ready what is due.
local function settle()
    if NOW < M[ALARM] then return end
    begin()
    local over, taken = {}, 0
    expire_leases(over)
    while taken < SETTLE_MAX do
        local more = expire_bundle(over)
        if more == 0 then break end
        taken = taken + more
    end
    make_ready()
    set_alarm()
    tell(over)
end

-- Looks at up to `limit` entries of a stream from `start` on, until `use` answers that this is
-- enough. They come with their bodies: a few at a time, so that the server has room for them.
local function each_entry(stream, start, limit, use)
    while limit > 0 do
        local count = math.min(limit, BODIES_MAX)
        local entries = call('XRANGE', stream, start, '+', 'COUNT', count)
        for _, entry in ipairs(entries) do
            if use(entry) then return end
        end
        if #entries < count then return end
        limit, start = limit - count, '(' .. entries[count][1]
    end
end

-- Up to `limit` jobs that could run, in their order, from behind the job of record `after`.
local function list_ready(after, limit)
    local ids = {}
    for p = (after and after.p or 1), 3 do
        local from = after and after.p == p and after or nil
        after = nil
        if not from or from.state == 'f' then
            local start = 0
            if from then
                local _, member = front(from.id, from.sid)
                start = (call('ZRANK', FRONT[p], member) or -1) + 1
            end
            local members = call('ZRANGE', FRONT[p], start, start + limit - #ids - 1)
            for _, member in ipairs(members) do ids[#ids + 1] = cut(member, 13) end
            from = nil
        end
        if #ids >= limit then return ids end
        local last = from and from.sid or last_read(p)
        each_entry(WAIT[p], '(' .. last, limit - #ids, function(entry)
            ids[#ids + 1] = cut(entry[2][2], 1, 16)
        end)
        if #ids >= limit then return ids end
    end
    return ids
end

-- What the first sending of a run's end made of it; 0 when it never came, or came too late: the
-- run may have ended otherwise meanwhile.
local function told_before(id, record, attempt, how)
    local done = record and string.match(record, '^d(%d+) ')
    if how == 'd' or done then
        return how == 'd' and tonumber(done) == attempt and 1 or 0
    end
    local r = read(record)
    if not r then return 0 end
    local history
    if r.state == 'x' then history = select(3, body(id, r)) else history = call('HGET', HIST, id) end
    for _, run in ipairs(history and cjson.decode(history) or {}) do
        if run.attempt == attempt and run.error.kind == 'failed' then
            return (how == 'f' or r.state == 'x' and r.attempt == attempt) and 3 or 2
        end
    end
    return 0
end
