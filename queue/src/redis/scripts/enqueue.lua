-- Stores jobs, each by itself. Arguments: a due time and how far it may be ahead of the clock, or
-- nothing; then options and body of each.
-- Options: bytes to count it with, or that and priority, attempts, kind of start, its time, window
-- of the dedupe key, apart by a space; the dedupe keys are the KEYS behind the fixed ones, in order.
-- Answers for each job: 0 full, 1 stored, 2 there before, or the id that has the dedupe key;
-- then the jobs and the bytes that there are, and 1 if these are its first jobs since it was last
-- forgotten; with a due time, nothing but -1 when it was had.
local due, ahead = string.match(ARGV[A + 1], '^(%d+) (%d+)$')
due = tonumber(due)
local ids = {}
for at = A + 3, #ARGV, 2 do ids[(at - A - 1) / 2] = cut(ARGV[at], 1, 16) end

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
    return { AGAIN and records[1] and M.due == due + 1 and 1 or -1, M.live, M.bytes, 0 }
end

local out, set, stored, seen, dedupe = {}, {}, 0, {}, 14

local function has_room(size)
    if M.live >= JOBS_MAX then return false end
    if M.bytes + size <= BYTES_MAX then return true end
    -- Dead letters make room, as long as that helps.
    while M.bytes + size > BYTES_MAX and call('XLEN', DEAD) > 0 do drop_dead(16) end
    return M.bytes + size <= BYTES_MAX
end

local function store_later(id, blob, o)
    local r = { state = 'l', p = o.p, sid = '-', max = o.max, size = o.size, attempt = 0,
        uncounted = 0, rest = '' }
    call('HSET', LATER, id, blob)
    to_scheduled(id, r, o.starts)
    r.rest = r.rest .. ' ' .. NOW_TEXT
    return pack(r)
end

-- What options say, and what of a record follows from them: those of most jobs are the same.
local memo = {}
local function read(options)
    local size_text, p, max, kind, start, window = options, '2', '0', '0', '0', '0'
    if not tonumber(options) then
        size_text, p, max, kind, start, window =
            string.match(options, '^(%d+) (%d) (%d+) (%d) (%d+) (%d+)$')
    end
    local o = { size = tonumber(size_text), p = tonumber(p), max = max, starts = 0,
        window = tonumber(window), first = 'w' .. p .. ' ',
        last = ' ' .. max .. ' ' .. size_text .. ' 0000000000 0 ' }
    if kind ~= '0' then o.starts = tonumber(start) + (kind == '1' and NOW or 0) end
    memo[options] = o
    return o
end

local function store(at, id, blob, o)
    M.live, M.bytes = M.live + 1, M.bytes + o.size
    seen[id] = true
    stored = stored + 2
    set[stored - 1] = id
    if o.starts > NOW then
        set[stored] = store_later(id, blob, o)
    else
        local sid = call('XADD', WAIT[o.p], '*', 'j', blob)
        M[COUNT[o.p]] = M[COUNT[o.p]] + 1
        ring()
        set[stored] = o.first .. sid .. o.last
    end
    out[at] = 1
end

for at = 1, #ids do
    local id, options = ids[at], ARGV[A + 2 * at]
    local o = memo[options] or read(options)
    local key
    if o.window > 0 then
        dedupe = dedupe + 1
        key = KEYS[dedupe]
    end
    local first = not records[at] and not seen[id] and key and call('GET', key)
    if records[at] or seen[id] then
        out[at] = 2
    elseif first then
        out[at] = first
    elseif not has_room(o.size) then
        out[at] = 0
    else
        if key then call('SET', key, id, 'PX', o.window) end
        store(at, id, ARGV[A + 1 + 2 * at], o)
    end
end
if #set > 0 then call('HSET', JOBS, unpack(set)) end
if due and out[1] ~= 0 then M.due = due + 1 end
local is_first = stored > 0 and M.listed == 0
if is_first then M.listed = 1 end
commit()
out[#out + 1] = M.live
out[#out + 1] = M.bytes
out[#out + 1] = is_first and 1 or 0
return out
