-- What every script begins with: names of the keys, the counters, and the moves of one job.
--
-- A job's record, in the hash JOBS under its id, says where it stands:
--   w waits in its stream               f waits in front of the stream, read before
--   s waits for its next attempt (scheduled) l waits for its first time (later)
--   r runs                              x is a dead letter
--   d is done                           c was canceled
-- Text, its fields apart by a space: state and priority, attempts it may have (0: as the queue
-- says), bytes, number of its last attempt (in 10 digits; it only grows, so that no two runs are
-- called the same), attempts among them that do not count, id in its stream, what the state adds:
--   s due time, number in SCHED   l the same, time of enqueueing   w `h` if it has a history
--   r since when, its consumer, the ask that it was leased to
-- For `d` and `c`: attempt, time, and for `d` the reply.
--
-- Most jobs run once, and for a moment. Their record is not touched when they are leased: a job
-- that is `w` with no attempt, and was read from its stream, runs for the first time. Who runs it
-- and for how long says its bundle: what one ask took of one stream, written down once. As soon as
-- anything else becomes of it (its lease is renewed, it fails), it has a record of its own.
--
-- The first write of a script may be refused (memory full, replica); the later ones never are,
-- Redis promises. So each script writes all or nothing.
local JOBS, META, SCHED, LATER, LEASES = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local HIST, DEAD, ENDED = KEYS[6], KEYS[7], KEYS[8]
local WAIT = { KEYS[9], KEYS[10], KEYS[11] }
local FRONT = { KEYS[12], KEYS[13], KEYS[14] }
local BUNDLES, DEDUPE, WINDOWS, TILLS = KEYS[15], KEYS[16], KEYS[17], KEYS[18]
local CHANNEL = ARGV[1]
-- AGAIN: whether this is sent again because the first answer was lost.
local AGAIN, ATTEMPTS, LEASE, KEPT, DEAD_MAX, JOBS_MAX, BYTES_MAX, ENDED_MAX, ENDED_BYTES_MAX,
    BACKOFF_MIN, BACKOFF_MAX = struct.unpack('>ddddddddddd', ARGV[2])
AGAIN = AGAIN == 1
-- The last argument that all scripts have.
local A = 2
local SETTLE_MAX, HISTORY_MAX, NEVER = 128, 8, 9999999999999
local ENDED_OVERHEAD, KEY_OVERHEAD = 128, 128
local call, cut = redis.call, string.sub

local time = call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
-- Numbers are turned into text once, not for each job: that is what takes the time in a script.
local NOW_TEXT = string.format('%013d', NOW)

-- Counters, read and written once, as big-endian doubles. Of the three priorities: jobs that wait
-- in the stream, and time and number of the last entry that was read. `QUIET`: nobody waits for
-- the bell. `ALARM`: nothing happens by time alone before that. `BUNDLED`: jobs that run and have
-- no record of that. `TRIM`: the bundle that is looked at next. `LISTED`: jobs were stored since
-- the queue was last forgotten. `OLDEST`: when the first of the ended jobs ended; 0: look.
local FIELDS, FORMAT = 34, '>dddddddddddddddddddddddddddddddddd'
local COUNT, READ_MS, READ_SEQ = { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 }
local LIVE, BYTES, DONE, RETRIED, DROPPED, SEQ, QUIET, PAUSED, WATCH, DUE =
    10, 11, 12, 13, 14, 15, 16, 17, 18, 19
local ENDED_BYTES, ENDED_JOBS, OLDEST, LISTED, ALARM, BUNDLED, TRIM, DEAD_BYTES, KEY_BYTES =
    20, 21, 22, 23, 24, 25, 26, 27, 28
local OWN_ATTEMPTS, OWN_KEPT, OWN_DEAD_MAX, OWN_BACKOFF_MIN, OWN_BACKOFF_MAX = 29, 30, 31, 32, 33
local STORED = call('GET', META) or ''
local BEFORE = STORED
if #STORED < 8 * FIELDS then BEFORE = STORED .. string.rep('\0', 8 * FIELDS - #STORED) end
local M = { struct.unpack(FORMAT, BEFORE) }
if STORED == '' then
    -- A queue that was never used: looking at it writes nothing.
    M[ALARM] = NEVER
    BEFORE = struct.pack(FORMAT, unpack(M))
end

-- Who runs the jobs knows how they are to be treated; who only looks may not, and goes by that.
local function treat_as_told()
    if KEPT ~= M[OWN_KEPT] then M[OLDEST] = 0 end
    M[OWN_ATTEMPTS], M[OWN_KEPT], M[OWN_DEAD_MAX] = ATTEMPTS, KEPT, DEAD_MAX
    M[OWN_BACKOFF_MIN], M[OWN_BACKOFF_MAX] = BACKOFF_MIN, BACKOFF_MAX
end
local function treat_as_kept()
    if M[OWN_ATTEMPTS] == 0 then return end
    ATTEMPTS, KEPT, DEAD_MAX = M[OWN_ATTEMPTS], M[OWN_KEPT], M[OWN_DEAD_MAX]
    BACKOFF_MIN, BACKOFF_MAX = M[OWN_BACKOFF_MIN], M[OWN_BACKOFF_MAX]
end

-- A server without memory lets no script begin to write with what needs some, but go on after
-- what needs none: who holds a job must be able to keep it, and to end it.
local is_begun = false
local function begin()
    if not is_begun then call('ZREM', LEASES, '') end
    is_begun = true
end

local function commit()
    local after = struct.pack(FORMAT, unpack(M))
    if after == BEFORE then return end
    begin()
    call('SET', META, after)
end

local function less(field, by)
    M[field] = math.max(M[field] - by, 0)
end

-- Wakes those who wait for jobs. A user of Redis that may not publish only costs time.
local function ring()
    if M[QUIET] == 0 then
        M[QUIET] = 1
        redis.pcall('PUBLISH', CHANNEL, 'j')
    end
end

-- Tells those who wait for the end of these jobs.
local function tell(ids)
    if M[WATCH] > NOW and #ids > 0 then
        redis.pcall('PUBLISH', CHANNEL, 'e' .. table.concat(ids))
    end
end

local function alarm(at)
    if at < M[ALARM] then M[ALARM] = at end
end

-- Whether an entry of a stream was read. Times have 13 digits, so that ids of one length can be
-- compared as they are.
local LAST = {}
local function last_read(p)
    if not LAST[p] then LAST[p] = string.format('%013d-%d', M[READ_MS[p]], M[READ_SEQ[p]]) end
    return LAST[p]
end
local function is_up_to(sid, last)
    if #sid == #last then return sid <= last end
    local ms, last_ms = cut(sid, 1, 13), cut(last, 1, 13)
    if ms ~= last_ms then return ms < last_ms end
    return #sid < #last
end

-- What is kept of jobs that are over: their records, and a place in the order of time (time in 13
-- digits, bytes in 12, their ids).
local function ended(ids, bytes)
    bytes = bytes + #ids * ENDED_OVERHEAD
    M[ENDED_BYTES], M[ENDED_JOBS] = M[ENDED_BYTES] + bytes, M[ENDED_JOBS] + #ids
    call('RPUSH', ENDED, NOW_TEXT .. string.format('%012d', bytes) .. table.concat(ids))
end

-- Forgets jobs that were over long ago, about `limit` at most; until none of the ids that are keys
-- of `wanted` is left, also what is in front of them. That is younger where the clock went back.
local function sweep(limit, wanted)
    local count = 0
    while count < limit and M[ENDED_JOBS] > 0 do
        local is_over = M[ENDED_JOBS] > ENDED_MAX or M[ENDED_BYTES] > ENDED_BYTES_MAX
            or wanted and next(wanted)
        if not is_over and M[OLDEST] + KEPT > NOW then break end
        local first = call('LINDEX', ENDED, 0)
        if not first then
            M[ENDED_JOBS], M[ENDED_BYTES] = 0, 0
            break
        end
        M[OLDEST] = tonumber(cut(first, 1, 13))
        if not is_over and M[OLDEST] + KEPT > NOW then break end
        local ids = {}
        for at = 26, #first, 16 do ids[#ids + 1] = cut(first, at, at + 15) end
        if wanted then
            for _, id in ipairs(ids) do wanted[id] = nil end
        end
        call('LPOP', ENDED)
        is_begun = true
        call('HDEL', JOBS, unpack(ids))
        less(ENDED_BYTES, tonumber(cut(first, 14, 25)))
        less(ENDED_JOBS, #ids)
        count, M[OLDEST] = count + #ids, 0
    end
    return count
end

-- The record of a job, unless it was over so long ago that nobody may know.
local function known(record)
    local ended = record and string.match(record, '^[dc]%d+ (%d+)')
    if ended and tonumber(ended) + KEPT <= NOW then return nil end
    return record
end

-- A bundle says the priority, its last entry (time and number), then the first and the last entry,
-- until when and since when it is held, the ask, the consumer. BUNDLES has them in that order, so
-- that the one of an entry is found; TILLS in the order in which they end. That is another one: of
-- two jobs the older may be leased later, by its priority, and leases need not be equally long.
local function order(p, sid)
    local ms, seq = string.match(sid, '^(%d+)-(%d+)$')
    return p .. string.format('%013d%012d', ms, seq)
end

local function read_bundle(member)
    local p, first, last, till, since, ask, consumer =
        string.match(member, '^(%d)%d+ (%S+) (%S+) (%d+) (%d+) (%S+) (.*)$')
    return { p = tonumber(p), first = first, last = last, till = tonumber(till), since = since,
        ask = ask, consumer = consumer }
end

local function keep_bundle(b)
    local member = order(b.p, b.last) .. ' ' .. b.first .. ' ' .. b.last .. ' '
        .. string.format('%013d', b.till) .. ' ' .. b.since .. ' ' .. b.ask .. ' ' .. b.consumer
    call('ZADD', BUNDLES, 0, member)
    call('ZADD', TILLS, b.till, member)
    alarm(b.till)
end

local function drop_bundles(members)
    call('ZREM', BUNDLES, unpack(members))
    call('ZREM', TILLS, unpack(members))
end
