-- Takes jobs for a consumer. Arguments: the consumer, how many at most, the name of this ask, 1 if
-- it was asked before and the answer did not come.
-- Answers how many milliseconds later there is something to do by time alone (-1: nothing), then
-- for each job its body, and its place in the stream if it never ran, else attempt, attempts that
-- count and time of enqueueing, apart by a space.
local GROUP, READER = 'workers', 'meshwork'
local consumer, max, ask = ARGV[A + 1], tonumber(ARGV[A + 2]), ARGV[A + 3]
local ASIDE_MAX = 4096
local out, taken, bundled, aside = { -1 }, 0, 0, 0
treat_as_told()
if NOW >= M[ALARM] then moves().settle() end

local held = NOW_TEXT .. ' ' .. consumer .. ' ' .. ask

local function give(blob, about)
    taken = taken + 1
    out[2 * taken], out[2 * taken + 1] = blob, about
end

local function about(r, enqueued)
    return r.attempt .. ' ' .. r.attempt - r.uncounted .. ' ' .. enqueued
end

-- The same jobs again, for who did not hear the answer. Their leases begin now: who gets them counts
-- from when it did.
local function give_again()
    begin()
    for _, member in ipairs(call('ZRANGE', BUNDLES, 0, -1)) do
        local b = string.find(member, ' ' .. ask .. ' ', 1, true) and read_bundle(member)
        if b and b.ask == ask then
            drop_bundles({ member })
            b.till = NOW + LEASE
            keep_bundle(b)
            for _, one in ipairs(moves().in_bundle(b, 1024)) do give(one.blob, one.r.sid) end
        end
    end
    for _, id in ipairs(call('ZRANGE', LEASES, 0, -1)) do
        local r = moves().parse(call('HGET', JOBS, id))
        if r and r.state == 'r' and string.match(r.rest, '(%S+)$') == ask then
            local blob, enqueued = moves().body(id, r)
            call('ZADD', LEASES, NOW + LEASE, id)
            if blob then give(blob, about(r, enqueued)) end
        end
    end
end

-- A job that has a record of its run.
local function take(id, r, blob, enqueued)
    r.state, r.attempt, r.rest = 'r', r.attempt + 1, held
    call('HSET', JOBS, id, moves().pack(r))
    call('ZADD', LEASES, NOW + LEASE, id)
    alarm(NOW + LEASE)
    give(blob, about(r, enqueued))
end

local function take_front(p)
    for _, member in ipairs(call('ZRANGE', FRONT[p], 0, max - taken - 1)) do
        begin()
        local id = cut(member, 13)
        local r = moves().parse(call('HGET', JOBS, id))
        call('ZREM', FRONT[p], member)
        local blob, enqueued
        if r then blob, enqueued = moves().body(id, r) end
        if blob then
            take(id, r, blob, enqueued)
        elseif r then
            moves().erase(id, r)
            call('HDEL', JOBS, id)
        end
    end
end

local function read_stream(p)
    local words = { 'XREADGROUP', 'GROUP', GROUP, READER, 'COUNT', max - taken, 'NOACK', 'STREAMS',
        WAIT[p], '>' }
    local got = redis.pcall(unpack(words))
    if got and got.err then
        call('XGROUP', 'CREATE', WAIT[p], GROUP, '0', 'MKSTREAM')
        got = call(unpack(words))
    end
    is_begun = true
    return got and got[1] and got[1][2] or {}
end

-- What lies in the stream and was not put there by a script is never run.
local function put_aside(p, entry)
    local id = cut(redis.sha1hex(WAIT[p] .. entry[1]), 1, 16)
    local history = cjson.encode({ { attempt = 0, consumer = '', started_unix_ms = NOW,
        ended_unix_ms = NOW, error = { kind = 'buried', note = 'not stored by a mesh' } } })
    local blob = type(entry[2]) == 'table' and entry[2][2] or ''
    call('XDEL', WAIT[p], entry[1])
    local sid = call('XADD', DEAD, '*', 'i', id, 'j', blob, 't', NOW, 'h', history)
    call('HSET', JOBS, id, 'x' .. p .. ' 0 ' .. #blob .. ' 0 0 ' .. sid)
    M[BYTES], M[DEAD_BYTES] = M[BYTES] + #blob, M[DEAD_BYTES] + #blob
    moves().keep_dead_max()
    aside = aside + 1
end

-- What the record of a job that never ran says before its id in the stream.
local memo = {}
local function is_fresh(p, start)
    memo[start] = string.find(start, '^w' .. p .. ' %d+ %d+ 0000000000 0 $') ~= nil
    return memo[start]
end

local function bundle(p, first, last, count)
    keep_bundle({ p = p, first = first, last = last, till = NOW + LEASE, since = NOW_TEXT,
        ask = ask, consumer = consumer })
    M[BUNDLED] = M[BUNDLED] + count
    bundled = bundled + count
end

local function take_entries(p, entries)
    local ids = {}
    for at = 1, #entries do ids[at] = cut(entries[at][2][2], 1, 16) end
    local records = call('HMGET', JOBS, unpack(ids))
    local first, last, count = nil, nil, 0
    for at = 1, #entries do
        local entry, record = entries[at], records[at]
        local sid, fields = entry[1], entry[2]
        local start, is_new = record and cut(record, 1, #record - #sid), false
        -- One that waited for its time was enqueued before it was put into the stream.
        if start and not fields[4] and cut(record, #start + 1) == sid then
            is_new = memo[start]
            if is_new == nil then is_new = is_fresh(p, start) end
        end
        if is_new then
            first, last, count = first or sid, sid, count + 1
            give(fields[2], sid)
        else
            local r = moves().parse(record)
            if r and r.state == 'w' and r.sid == sid then
                less(p, 1)
                take(ids[at], r, fields[2], fields[4] or string.match(sid, '^%d+'))
            elseif not (r and r.sid == sid) then
                put_aside(p, entry)
            end
        end
    end
    local ms, seq = string.match(entries[#entries][1], '^(%d+)-(%d+)$')
    M[READ_MS[p]], M[READ_SEQ[p]] = tonumber(ms), tonumber(seq)
    if count > 0 then
        less(p, count)
        bundle(p, first, last, count)
    end
end

local function take_stream(p)
    while taken < max and M[p] > 0 and aside < ASIDE_MAX do
        local entries = read_stream(p)
        if #entries == 0 then
            M[p] = 0
            return
        end
        take_entries(p, entries)
    end
end

-- Bundles of which nothing is left are dropped, two looked at for each new one.
local function trim()
    local members, empty = call('ZRANGE', TILLS, M[TRIM], M[TRIM] + 1), {}
    for _, member in ipairs(members) do
        local b = read_bundle(member)
        if #call('XRANGE', WAIT[b.p], b.first, b.last, 'COUNT', 1) == 0 then
            empty[#empty + 1] = member
        end
    end
    if #empty > 0 then drop_bundles(empty) end
    -- At the end it begins anew.
    M[TRIM] = #members < 2 and 0 or M[TRIM] + #members - #empty
end

if AGAIN or ARGV[A + 4] == '1' then give_again() end
if taken == 0 and M[PAUSED] == 0 then
    local has_front = call('EXISTS', unpack(FRONT)) > 0
    for p = 1, 3 do
        if has_front and taken < max then take_front(p) end
        if taken < max then take_stream(p) end
    end
end
if bundled > 0 then trim() end
if taken == 0 then
    if M[ALARM] < NEVER then moves().set_alarm() end
    if M[ALARM] < NEVER then out[1] = math.max(M[ALARM] - NOW, 0) end
    -- There may be jobs behind what others put there: as much is put aside the next time.
    if aside >= ASIDE_MAX then out[1] = 0 end
    sweep(256)
    M[QUIET] = 0
end
commit()
return out
