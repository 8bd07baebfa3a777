-- Takes jobs for a consumer. Arguments: the consumer, how many at most.
-- Answers how many milliseconds later there is something to do by time alone (-1: nothing), then
-- body, attempt (below zero when it is the job's last) and time of enqueueing of each job.
local GROUP, READER = 'workers', 'meshwork'
local consumer, max = ARGV[A + 1], tonumber(ARGV[A + 2])
local out, records, leases = { -1 }, {}, {}
local taken = 0
treat_as_told()
settle()

local function take(id, r, blob, enqueued)
    taken = taken + 1
    r.state, r.attempt, r.rest = 'r', r.attempt + 1, NOW .. ' ' .. consumer
    records[#records + 1] = id
    records[#records + 1] = pack(r)
    leases[#leases + 1] = NOW + LEASE
    leases[#leases + 1] = id
    out[#out + 1] = blob
    out[#out + 1] = is_last(r) and -r.attempt or r.attempt
    out[#out + 1] = tonumber(enqueued)
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
        for at, entry in ipairs(entries) do ids[at] = string.sub(entry[2][2], 1, 16) end
        local known_records = call('HMGET', JOBS, unpack(ids))
        for at, entry in ipairs(entries) do
            local r = parse(known_records[at])
            if r and r.state == 'w' and r.sid == entry[1] then
                M[count] = M[count] - 1
                take(ids[at], r, entry[2][2], entry[2][4] or string.match(r.sid, '^%d+'))
            elseif not (r and r.sid == entry[1]) then
                put_aside(p, entry)
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
        if first[2] then
            local wait = math.max(math.ceil(first[2] - NOW), 0)
            if out[1] < 0 or wait < out[1] then out[1] = wait end
        end
    end
    sweep(256)
    M.quiet = 0
end
commit()
return out
