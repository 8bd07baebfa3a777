-- Moves or deletes jobs. Arguments: `retry`, `bury` or `purge`; the id of a dead letter, the note
-- or the section; how many at most. Answers how many.
settle()
local what, which, limit = ARGV[A + 1], ARGV[A + 2], tonumber(ARGV[A + 3])
local ids, over = {}, {}
local moved = 0

-- Whether a dead letter was stored by a mesh: what was not has no id of its own, and cannot run.
local function is_ours(id, blob) return cut(blob, 1, 16) == id end

-- The oldest dead letters; `are_ours`: only what was stored by a mesh. How far it looks for them
-- behind others is bounded.
local function dead_ids(are_ours)
    each_entry(DEAD, '-', 16 * math.max(limit, 64), function(entry)
        local id, blob = entry[2][2], entry[2][4]
        if not are_ours or is_ours(id, blob) then ids[#ids + 1] = id end
        return #ids >= limit
    end)
end

local function scheduled_ids(count)
    for _, member in ipairs(call('ZRANGE', SCHED, 0, count - 1)) do
        ids[#ids + 1] = cut(member, 13)
    end
end

local function retry(id, r)
    local blob, enqueued, history = body(id, r)
    if not blob or not is_ours(id, blob) or M[LIVE] >= JOBS_MAX then return end
    call('XDEL', DEAD, r.sid)
    less(DEAD_BYTES, r.size)
    local has_history = history and history ~= '[]'
    if has_history then call('HSET', HIST, id, history) end
    r.sid = call('XADD', WAIT[r.p], '*', 'j', blob, 't', enqueued)
    r.state, r.uncounted, r.rest = 'w', r.attempt, has_history and 'h' or ''
    M[COUNT[r.p]], M[LIVE] = M[COUNT[r.p]] + 1, M[LIVE] + 1
    call('HSET', JOBS, id, pack(r))
    moved = moved + 1
    ring()
end

local function bury(id, r)
    unlist(id, r)
    note(id, r, '', NOW, { kind = 'buried', note = which })
    die(id, r)
    over[#over + 1] = id
    moved = moved + 1
end

local function purge(id, r)
    unlist(id, r)
    erase(id, r)
    call('HDEL', HIST, id)
    call('HDEL', JOBS, id)
    over[#over + 1] = id
    moved = moved + 1
end

if what == 'retry' then
    if which ~= '' then ids = { which } else dead_ids(true) end
elseif what == 'bury' or which == 'ready' then
    ids = list_ready(nil, limit)
    if what == 'bury' and #ids < limit then scheduled_ids(limit - #ids) end
elseif which == 'scheduled' then
    scheduled_ids(limit)
elseif which == 'dead' then
    dead_ids(false)
end

if #ids > 0 then begin() end
for at, id in ipairs(ids) do
    if at > limit then break end
    local r = look_up(id)
    if what == 'retry' then
        if r and r.state == 'x' then retry(id, r) end
    elseif r and r.state ~= 'r' and what == 'bury' then
        bury(id, r)
    elseif r and r.state ~= 'r' and what == 'purge' then
        purge(id, r)
    end
end
tell(over)
commit()
return moved
