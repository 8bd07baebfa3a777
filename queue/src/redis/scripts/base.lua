-- What every script begins with: names of the keys, the counters, and the moves of one job.
--
-- A job's record, in the hash JOBS under its id, says where it stands:
--   w waits in its stream, not yet read      f waits in front of the stream, read before
--   s waits for its next attempt (scheduled) l waits for its first time (later)
--   r runs                                   x is a dead letter
--   d is done                                c was canceled
-- Text, its fields apart by a space: state and priority, id in its stream, attempts it may have
-- (0: as the queue says), bytes, number of its last attempt (in 10 digits; it only grows, so that
-- no two runs are called the same), attempts among them that do not count, and what the state adds:
--   s due time, number in SCHED   l the same, time of enqueueing   r since when, its consumer
-- For `d` and `c`: attempt, time, and for `d` the reply.
--
-- The first write of a script may be refused (memory full, replica); the later ones never are,
-- Redis promises. So each script writes all or nothing.
local JOBS, META, SCHED, LATER, LEASES = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local HIST, DEAD, ENDED = KEYS[6], KEYS[7], KEYS[8]
local WAIT = { KEYS[9], KEYS[10], KEYS[11] }
local FRONT = { KEYS[12], KEYS[13], KEYS[14] }
local CHANNEL = ARGV[1]
local ATTEMPTS, LEASE, KEPT = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local DEAD_MAX, JOBS_MAX = tonumber(ARGV[5]), tonumber(ARGV[6])
local BYTES_MAX, ENDED_MAX = tonumber(ARGV[7]), tonumber(ARGV[8])
-- Whether this is sent again because the first answer was lost.
local AGAIN = ARGV[9] == '1'
local ENDED_BYTES_MAX = tonumber(ARGV[10])
local BACKOFF_MIN, BACKOFF_MAX = tonumber(ARGV[11]), tonumber(ARGV[12])
-- The last argument that all scripts have.
local A = 12
local SETTLE_MAX, HISTORY_MAX, ENDED_OVERHEAD = 128, 8, 128
local call, cut = redis.call, string.sub
-- A member of LEASES that never ends. It is longer than what a server packs into a list, which
-- would be searched from one end to the other for each lease.
local ANCHOR = string.rep('-', 80)

local time = call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
-- Numbers are turned into text once, not for each job: that is what takes the time in a script.
local NOW_TEXT = string.format('%013d', NOW)

-- Counters, read and written once. `quiet`: nobody waits for the bell. `listed`: jobs were stored
-- since the queue was last forgotten.
local NAMES = { 'n1', 'n2', 'n3', 'live', 'bytes', 'done', 'retried', 'dropped', 'seq', 'quiet',
    'paused', 'watch', 'due', 'kept', 'attempts', 'ended_kept', 'dead_max', 'backoff_min',
    'backoff_max', 'listed' }
local COUNT = { 'n1', 'n2', 'n3' }
local M, BEFORE = {}, call('HMGET', META, unpack(NAMES))
for at, name in ipairs(NAMES) do
    BEFORE[at] = tonumber(BEFORE[at]) or 0
    M[name] = BEFORE[at]
end

-- Who runs the jobs knows how they are to be treated; who only looks may not, and goes by that.
local OWN = { ATTEMPTS, KEPT, DEAD_MAX, BACKOFF_MIN, BACKOFF_MAX }
local function treat_as_told()
    ATTEMPTS, KEPT, DEAD_MAX, BACKOFF_MIN, BACKOFF_MAX = unpack(OWN)
    M.attempts, M.ended_kept, M.dead_max = ATTEMPTS, KEPT, DEAD_MAX
    M.backoff_min, M.backoff_max = BACKOFF_MIN, BACKOFF_MAX
end
if M.attempts > 0 then
    ATTEMPTS, KEPT, DEAD_MAX = M.attempts, M.ended_kept, M.dead_max
    BACKOFF_MIN, BACKOFF_MAX = M.backoff_min, M.backoff_max
end

local function commit()
    local set, unset = {}, {}
    for at, name in ipairs(NAMES) do
        if M[name] ~= BEFORE[at] then
            if M[name] == 0 then
                unset[#unset + 1] = name
            else
                set[#set + 1] = name
                set[#set + 1] = M[name]
            end
        end
    end
    -- Deleting first: it works when memory is full, and what follows then works too.
    if #unset > 0 then call('HDEL', META, unpack(unset)) end
    if #set > 0 then call('HSET', META, unpack(set)) end
end

-- Wakes those who wait for jobs. A user of Redis that may not publish only costs time.
local function ring()
    if M.quiet == 0 then
        M.quiet = 1
        redis.pcall('PUBLISH', CHANNEL, 'j')
    end
end

-- Tells those who wait for the end of these jobs.
local function tell(ids)
    if M.watch > NOW and #ids > 0 then
        redis.pcall('PUBLISH', CHANNEL, 'e' .. table.concat(ids))
    end
end

local function parse(record)
    if not record then return nil end
    local state, p, sid, max, size, attempt, uncounted, rest =
        string.match(record, '^([wfslrx])(%d) (%S+) (%d+) (%d+) (%d+) (%d+) ?(.*)$')
    if not state then return nil end
    return { state = state, p = tonumber(p), sid = sid, max = tonumber(max),
        size = tonumber(size), attempt = tonumber(attempt), uncounted = tonumber(uncounted),
        rest = rest }
end

local function pack(r)
    return r.state .. r.p .. ' ' .. r.sid .. ' ' .. r.max .. ' ' .. r.size .. ' '
        .. string.format('%010d', r.attempt) .. ' ' .. r.uncounted .. ' ' .. r.rest
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
    M.seq = M.seq + 1
    call('ZADD', SCHED, due, scheduled(M.seq, id))
    r.rest = due .. ' ' .. M.seq
    ring()
end

-- Takes a job out of whatever orders it; its body stays.
local function unlist(id, r)
    if r.state == 'w' then
        M[COUNT[r.p]] = math.max(M[COUNT[r.p]] - 1, 0)
    elseif r.state == 'f' then
        local _, member = front(id, r.sid)
        call('ZREM', FRONT[r.p], member)
    elseif r.state == 's' or r.state == 'l' then
        call('ZREM', SCHED, scheduled(string.match(r.rest, '^%d+ (%d+)'), id))
    elseif r.state == 'r' then
        call('ZREM', LEASES, id)
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
    if r.state == 'l' then
        call('HDEL', LATER, id)
    else
        call('XDEL', r.state == 'x' and DEAD or WAIT[r.p], r.sid)
    end
    M.bytes = math.max(M.bytes - r.size, 0)
    if r.state ~= 'x' then M.live = math.max(M.live - 1, 0) end
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
    r.size, M.bytes = math.max(r.size + more, 0), M.bytes + more
end

local function drop_dead(count)
    for _, entry in ipairs(call('XRANGE', DEAD, '-', '+', 'COUNT', count)) do
        local id = entry[2][2]
        local r = parse(call('HGET', JOBS, id))
        call('XDEL', DEAD, entry[1])
        call('HDEL', JOBS, id)
        M.dropped = M.dropped + 1
        if r then M.bytes = math.max(M.bytes - r.size, 0) end
    end
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
    M.bytes = M.bytes + r.size
    r.sid = call('XADD', DEAD, '*', 'i', id, 'j', blob, 't', enqueued, 'h', history)
    r.state, r.rest = 'x', ''
    call('HSET', JOBS, id, pack(r))
    local over = call('XLEN', DEAD) - DEAD_MAX
    if over > 0 then drop_dead(over) end
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

-- Takes back leases that ended, makes ready what is due.
local function settle()
    local over = {}
    for _, id in ipairs(call('ZRANGEBYSCORE', LEASES, '-inf', NOW, 'LIMIT', 0, SETTLE_MAX)) do
        local r = parse(call('HGET', JOBS, id))
        call('ZREM', LEASES, id)
        if r and r.state == 'r' then
            local since, consumer = string.match(r.rest, '^(%d+) (.*)$')
            note(id, r, consumer, since, { kind = 'lease_expired' })
            if is_last(r) then
                die(id, r)
                over[#over + 1] = id
            else
                M.retried = M.retried + 1
                r.state = 's'
                to_scheduled(id, r, NOW + backoff(r))
                call('HSET', JOBS, id, pack(r))
            end
        end
    end
    for _, member in ipairs(call('ZRANGEBYSCORE', SCHED, '-inf', NOW, 'LIMIT', 0, SETTLE_MAX)) do
        local id = string.sub(member, 13)
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
    tell(over)
end

local ENDED_EMPTY = NOW_TEXT .. ENDED_OVERHEAD
-- What is kept of a job that is over: its record, and a place in the order of time (id, time in
-- 13 digits, bytes).
local function ended(id, bytes)
    M.kept = M.kept + ENDED_OVERHEAD + bytes
    if bytes == 0 then return id .. ENDED_EMPTY end
    return id .. NOW_TEXT .. ENDED_OVERHEAD + bytes
end

-- Forgets jobs that were over long ago, at most `limit`; all of them are in the order of time.
local function sweep(limit)
    local first = call('LINDEX', ENDED, 0)
    if not first then return 0 end
    local over = call('LLEN', ENDED) - ENDED_MAX
    local function stays(at, ended)
        return at > over and M.kept <= ENDED_BYTES_MAX
            and tonumber(string.sub(ended, 17, 29)) + KEPT > NOW
    end
    if stays(1, first) then return 0 end
    local ids = {}
    for at, ended in ipairs(call('LRANGE', ENDED, 0, limit - 1)) do
        if stays(at, ended) then break end
        ids[at] = string.sub(ended, 1, 16)
        M.kept = math.max(M.kept - tonumber(string.sub(ended, 30)), 0)
    end
    call('LPOP', ENDED, #ids)
    call('HDEL', JOBS, unpack(ids))
    return #ids
end

-- The record of a job, unless it was over so long ago that nobody may know.
local function known(record)
    local ended = record and string.match(record, '^[dc]%d+ (%d+)')
    if ended and tonumber(ended) + KEPT <= NOW then return nil end
    return record
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
            for _, member in ipairs(members) do ids[#ids + 1] = string.sub(member, 13) end
            from = nil
        end
        if #ids >= limit then return ids end
        local last = from and from.sid
        if not last then
            local groups = redis.pcall('XINFO', 'GROUPS', WAIT[p])
            last = '0-0'
            for _, group in ipairs(groups.err and {} or groups) do
                for at = 1, #group, 2 do
                    if group[at] == 'last-delivered-id' then last = group[at + 1] end
                end
            end
        end
        local entries = call('XRANGE', WAIT[p], '(' .. last, '+', 'COUNT', limit - #ids)
        for _, entry in ipairs(entries) do ids[#ids + 1] = string.sub(entry[2][2], 1, 16) end
        if #ids >= limit then return ids end
    end
    return ids
end
