-- Stores jobs, each by itself. Arguments: a due time and how far it may be ahead of the clock, or
-- nothing; the options of all jobs, or nothing; then options (unless they are those of all) and
-- body of each.
-- Options: bytes to count it with, or that and priority, attempts, kind of start, its time, window
-- of the dedupe key and the key, apart by a space.
-- Answers for each job: 0 full, 1 stored, 2 there before, or the id that has the dedupe key;
-- then the jobs and the bytes that there are, and 1 if these are its first jobs since it was last
-- forgotten; with a due time, nothing but -1 when it was had. Nothing at all: nothing was stored,
-- and it is to be sent again; there was too much to forget before.
local SWEEP_MAX = 8000
treat_as_kept()
local due, ahead = string.match(ARGV[A + 1], '^(%d+) (%d+)$')
due = tonumber(due)
local ALL = ARGV[A + 2] ~= '' and ARGV[A + 2]
local STEP = ALL and 1 or 2
local ids, jobs = {}, (#ARGV - A - 2) / STEP
for at = 1, jobs do ids[at] = cut(ARGV[A + 2 + STEP * at], 1, 16) end

local records, stale = call('HMGET', JOBS, unpack(ids)), nil
for at = 1, jobs do
    local record = records[at]
    if record and not known(record) then
        stale = stale or {}
        stale[ids[at]] = true
    end
end
if stale then
    -- As much as may be forgotten at once; nothing is stored before all of it is.
    if sweep(SWEEP_MAX, stale) >= SWEEP_MAX then
        commit()
        return {}
    end
    records = call('HMGET', JOBS, unpack(ids))
end

-- One more is noted: 0 stands for none.
if due and (M[DUE] > due or due > NOW + ahead) then
    return { AGAIN and records[1] and M[DUE] == due + 1 and 1 or -1, M[LIVE], M[BYTES], 0 }
end

local out, set, stored, seen = {}, {}, 0, {}

-- Windows that closed make room, about `limit` at most.
local function close_windows(limit)
    local keys = call('ZRANGEBYSCORE', WINDOWS, '-inf', NOW, 'LIMIT', 0, limit)
    for _, key in ipairs(keys) do less(KEY_BYTES, 2 * #key + KEY_OVERHEAD) end
    if #keys > 0 then
        call('ZREM', WINDOWS, unpack(keys))
        call('HDEL', DEDUPE, unpack(keys))
    end
    return #keys
end

-- Whether it would go on making room, if it did not hold up the server.
local is_cut = false
local function make_room(size)
    local left = SWEEP_MAX
    local function is_enough() return M[BYTES] + M[KEY_BYTES] + size <= BYTES_MAX end
    while not is_enough() and left > 0 do
        local closed = close_windows(1000)
        if closed == 0 then break end
        left = left - closed
    end
    if not is_enough() and left > 0 then
        -- Dead letters make room, if there are enough of them.
        if M[BYTES] + M[KEY_BYTES] + size - M[DEAD_BYTES] > BYTES_MAX then return false end
        left = left - moves().drop_dead(is_enough, left)
    end
    is_cut = left <= 0 and not is_enough()
    return is_enough()
end

local function has_room(size)
    if M[LIVE] >= JOBS_MAX then return false end
    return M[BYTES] + M[KEY_BYTES] + size <= BYTES_MAX or make_room(size)
end

local function store_later(id, blob, o)
    local r = { state = 'l', p = o.p, sid = '-', max = o.max, size = o.size, attempt = 0,
        uncounted = 0, rest = '' }
    call('HSET', LATER, id, blob)
    moves().to_scheduled(id, r, o.starts)
    r.rest = r.rest .. ' ' .. NOW_TEXT
    return moves().pack(r)
end

-- What options say, and what of a record follows from them: those of most jobs are the same.
local memo = {}
local function read_options(options)
    local size_text, p, max, kind, start, window, key = options, '2', '0', '0', '0', '0', nil
    if not tonumber(options) then
        size_text, p, max, kind, start, window, key =
            string.match(options, '^(%d+) (%d) (%d+) (%d) (%d+) (%d+) ?(.*)$')
    end
    local o = { size = tonumber(size_text), p = tonumber(p), max = max, starts = 0,
        wait = WAIT[tonumber(p)], window = tonumber(window), 
        record = 'w' .. p .. ' ' .. max .. ' ' .. size_text .. ' 0000000000 0 ' }
    if o.window > 0 then o.key, o.key_bytes = key, 2 * #key + KEY_OVERHEAD end
    if kind ~= '0' then o.starts = tonumber(start) + (kind == '1' and NOW or 0) end
    memo[options] = o
    return o
end

-- The job that has a dedupe key whose window is open.
local function holder(key)
    local held = call('HGET', DEDUPE, key)
    if held and tonumber(cut(held, 17)) > NOW then return cut(held, 1, 16) end
    if held then
        call('HDEL', DEDUPE, key)
        call('ZREM', WINDOWS, key)
        less(KEY_BYTES, 2 * #key + KEY_OVERHEAD)
    end
    return nil
end

local function open_window(id, o)
    local closes = string.format('%013d', NOW + o.window)
    call('HSET', DEDUPE, o.key, id .. closes)
    call('ZADD', WINDOWS, closes, o.key)
    M[KEY_BYTES] = M[KEY_BYTES] + o.key_bytes
    close_windows(2)
end

for at = 1, jobs do
    local id, options = ids[at], ALL or ARGV[A + 1 + 2 * at]
    local o = memo[options] or read_options(options)
    local first = o.key and not records[at] and not seen[id] and holder(o.key)
    if records[at] or seen[id] then
        out[at] = 2
    elseif first then
        out[at] = first
    elseif not has_room(o.size + (o.key_bytes or 0)) then
        -- What a call stores needs less room than it makes at once, unless it is one large job.
        if is_cut and stored == 0 then
            commit()
            return {}
        end
        out[at] = 0
    else
        if o.key then open_window(id, o) end
        M[LIVE], M[BYTES] = M[LIVE] + 1, M[BYTES] + o.size
        seen[id] = true
        local blob = ARGV[A + 2 + STEP * at]
        set[stored + 1] = id
        if o.starts > NOW then
            set[stored + 2] = store_later(id, blob, o)
        else
            local sid = call('XADD', o.wait, '*', 'j', blob)
            M[o.p] = M[o.p] + 1
            set[stored + 2] = o.record .. sid
        end
        stored = stored + 2
        out[at] = 1
    end
end
local is_first = stored > 0 and M[LISTED] == 0
if stored > 0 then
    is_begun = true
    call('HSET', JOBS, unpack(set))
    M[LISTED] = 1
    ring()
end
if due and out[1] ~= 0 then M[DUE] = due + 1 end
commit()
out[jobs + 1], out[jobs + 2], out[jobs + 3] = M[LIVE], M[BYTES] + M[KEY_BYTES], is_first and 1 or 0
return out
