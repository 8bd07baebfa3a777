-- Takes jobs for a consumer. Arguments: the consumer, how many at most.
-- Answers how many milliseconds later there is something to do by time alone (-1: nothing), then
-- for each job its body, and its place in the stream if it never ran, else attempt, attempts that
-- count and time of enqueueing, apart by a space.
local GROUP, READER = 'workers', 'meshwork'
local consumer, max = ARGV[A + 1], tonumber(ARGV[A + 2])
local out, records, leases = { -1 }, {}, { '+inf', ANCHOR }
local taken = 0
treat_as_told()
settle()

local since, until_text = NOW_TEXT .. ' ' .. consumer, string.format('%013d', NOW + LEASE)

local function give(id, record, blob, about)
    taken = taken + 1
    local at = 2 * taken
    records[at - 1], records[at] = id, record
    leases[at + 1], leases[at + 2] = until_text, id
    out[at], out[at + 1] = blob, about
end

local function take(id, r, blob, enqueued)
    r.state, r.attempt, r.rest = 'r', r.attempt + 1, since
    give(id, pack(r), blob, r.attempt .. ' ' .. r.attempt - r.uncounted .. ' ' .. enqueued)
end

-- A job in its stream that never ran, which most are: the same in fewer steps. Of its record, what
-- follows the id in the stream is like that of most others. Answers whether it was one.
local memo = {}
local function read_rest(rest)
    local kept = string.match(rest, '^( %d+ %d+) 0000000000 0 $')
    memo[rest] = kept and kept .. ' 0000000001 0 ' .. since or false
    return memo[rest]
end

local function take_fresh(id, record, p, entry)
    local sid, fields = entry[1], entry[2]
    -- One that waited for its time was enqueued before it was put into the stream.
    if fields[4] then return false end
    local place = p .. ' ' .. sid
    if cut(record, 1, #place + 1) ~= 'w' .. place then return false end
    local rest = cut(record, #place + 2)
    local found = memo[rest]
    if found == nil then found = read_rest(rest) end
    if not found then return false end
    give(id, 'r' .. place .. found, fields[2], sid)
    return true
end

local function take_front(p)
    for _, member in ipairs(call('ZRANGE', FRONT[p], 0, max - taken - 1)) do
        local id = string.sub(member, 13)
        local r = parse(call('HGET', JOBS, id))
        call('ZREM', FRONT[p], member)
        local blob, enqueued
        if r then blob, enqueued = body(id, r) end
        if blob then
            take(id, r, blob, enqueued)
        elseif r then
            erase(id, r)
            call('HDEL', JOBS, id)
        end
    end
end

local function read(p)
    local count = max - taken
    local read = { 'XREADGROUP', 'GROUP', GROUP, READER, 'COUNT', count, 'NOACK', 'STREAMS',
        WAIT[p], '>' }
    local got = redis.pcall(unpack(read))
    if got and got.err then
        call('XGROUP', 'CREATE', WAIT[p], GROUP, '0', 'MKSTREAM')
        got = call(unpack(read))
    end
    return got and got[1] and got[1][2] or {}
end

-- What lies in the stream and was not put there by a script is never run.
local function put_aside(p, entry)
    local id = string.sub(redis.sha1hex(WAIT[p] .. entry[1]), 1, 16)
    local history = cjson.encode({ { attempt = 0, consumer = '', started_unix_ms = NOW,
        ended_unix_ms = NOW, error = { kind = 'buried', note = 'not stored by a mesh' } } })
    local blob = type(entry[2]) == 'table' and entry[2][2] or ''
    call('XDEL', WAIT[p], entry[1])
    local sid = call('XADD', DEAD, '*', 'i', id, 'j', blob, 't', NOW, 'h', history)
    call('HSET', JOBS, id, 'x' .. p .. ' ' .. sid .. ' 0 ' .. #blob .. ' 0 0 ')
    M.bytes = M.bytes + #blob
    local over = call('XLEN', DEAD) - DEAD_MAX
    if over > 0 then drop_dead(over) end
end

local function take_stream(p)
    local count = COUNT[p]
    while taken < max and M[count] > 0 do
        local entries = read(p)
        if #entries == 0 then
            M[count] = 0
            return
        end
        local ids = {}
        for at = 1, #entries do ids[at] = cut(entries[at][2][2], 1, 16) end
        local known_records = call('HMGET', JOBS, unpack(ids))
        for at = 1, #entries do
            local entry, record = entries[at], known_records[at]
            if record and take_fresh(ids[at], record, p, entry) then
                M[count] = M[count] - 1
            else
                local r = parse(record)
                if r and r.state == 'w' and r.sid == entry[1] then
                    M[count] = M[count] - 1
                    take(ids[at], r, entry[2][2], entry[2][4] or string.match(r.sid, '^%d+'))
                elseif not (r and r.sid == entry[1]) then
                    put_aside(p, entry)
                end
            end
        end
    end
end

if M.paused == 0 then
    for p = 1, 3 do
        if taken < max then take_front(p) end
        if taken < max then take_stream(p) end
    end
end
if taken > 0 then
    call('HSET', JOBS, unpack(records))
    call('ZADD', LEASES, unpack(leases))
else
    for _, key in ipairs({ SCHED, LEASES }) do
        local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
        if first[2] and first[1] ~= ANCHOR then
            local wait = math.max(math.ceil(first[2] - NOW), 0)
            if out[1] < 0 or wait < out[1] then out[1] = wait end
        end
    end
    sweep(256)
    M.quiet = 0
end
commit()
return out
