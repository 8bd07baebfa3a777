-- Stores jobs, each by itself. Arguments: a due time and how far it may be ahead of the clock, or
-- nothing; then options and body of each.
-- Options: bytes to count it with, or that and priority, attempts, kind of start, its time, window
-- of the dedupe key, apart by a space; the dedupe keys are the KEYS behind the fixed ones, in order.
-- Answers for each job: 0 full, 1 stored, 2 there before, or the id that has the dedupe key;
-- then the jobs and the bytes that there are; with a due time, nothing but -1 when it was had.
local due, ahead = string.match(ARGV[A + 1], '^(%d+) (%d+)$')
due = tonumber(due)
local ids = {}
for at = A + 3, #ARGV, 2 do ids[#ids + 1] = string.sub(ARGV[at], 1, 16) end

local function look()
    local records, stale = call('HMGET', JOBS, unpack(ids)), false
    for at = 1, #ids do
        stale = stale or (records[at] and not known(records[at]))
    end
    return records, stale
end
local records, stale = look()
if stale then
    while sweep(1000) > 0 do end
    records = look()
end

-- One more is noted: 0 stands for none.
if due and (M.due > due or due > NOW + ahead) then
    return { AGAIN and records[1] and M.due == due + 1 and 1 or -1, M.live, M.bytes }
end

local out, set, seen, dedupe = {}, {}, {}, 14

local function has_room(size)
    if M.live >= JOBS_MAX then return false end
    if M.bytes + size <= BYTES_MAX then return true end
    -- Dead letters make room, as long as that helps.
    while M.bytes + size > BYTES_MAX and call('XLEN', DEAD) > 0 do drop_dead(16) end
    return M.bytes + size <= BYTES_MAX
end

local function store(id, blob, p, max, size, starts)
    M.live, M.bytes = M.live + 1, M.bytes + size
    local r = { state = 'w', p = p, sid = '-', max = max, size = size, attempt = 0,
        uncounted = 0, rest = '' }
    if starts > NOW then
        call('HSET', LATER, id, blob)
        r.state = 'l'
        to_scheduled(id, r, starts)
        r.rest = r.rest .. ' ' .. NOW
    else
        r.sid = call('XADD', WAIT[p], '*', 'j', blob)
        M[COUNT[p]] = M[COUNT[p]] + 1
        ring()
    end
    set[#set + 1] = id
    set[#set + 1] = pack(r)
end

for at, id in ipairs(ids) do
    local options, blob = ARGV[A + 2 * at], ARGV[A + 1 + 2 * at]
    local size, p, max, kind, start, window = tonumber(options), 2, 0, 0, 0, 0
    if not size then
        size, p, max, kind, start, window =
            string.match(options, '^(%d+) (%d) (%d+) (%d) (%d+) (%d+)$')
        size, p, kind = tonumber(size), tonumber(p), tonumber(kind)
        start, window = tonumber(start), tonumber(window)
    end
    local key
    if window > 0 then
        dedupe = dedupe + 1
        key = KEYS[dedupe]
    end
    if records[at] or seen[id] then
        out[at] = 2
    else
        local first = key and call('GET', key)
        if first then
            out[at] = first
        elseif not has_room(size) then
            out[at] = 0
        else
            if key then call('SET', key, id, 'PX', window) end
            store(id, blob, p, max, size, kind == 1 and NOW + start or kind == 2 and start or 0)
            seen[id] = true
            out[at] = 1
        end
    end
end
if #set > 0 then call('HSET', JOBS, unpack(set)) end
if due and out[1] ~= 0 then M.due = due + 1 end
commit()
out[#out + 1] = M.live
out[#out + 1] = M.bytes
return out
