-- Jobs of a section. Arguments: section, the id of the job before or nothing, how many at most.
-- Answers for each: record, head of its body (its length in bytes 18 to 21), bytes of the rest,
-- time of enqueueing, history.
settle()
local section, before, limit = ARGV[A + 1], ARGV[A + 2], tonumber(ARGV[A + 3])
local after = read(before ~= '' and call('HGET', JOBS, before))
if after then after.id = before end
local ids = {}

local STATES = { ready = '[wf]', scheduled = '[sl]', running = 'r', dead = 'x' }

local function place(id, r)
    local ms, member = front(id, r.sid)
    return string.format('%015d', ms) .. member
end

if before ~= '' and not (after and string.match(after.state, STATES[section])) then
    limit = 0
elseif section == 'ready' then
    ids = list_ready(after, limit)
elseif section == 'scheduled' then
    local start = 0
    if after then
        local member = scheduled(string.match(after.rest, '^%d+ (%d+)') or 0, before)
        start = (call('ZRANK', SCHED, member) or -1) + 1
    end
    for _, member in ipairs(call('ZRANGE', SCHED, start, start + limit - 1)) do
        ids[#ids + 1] = cut(member, 13)
    end
elseif section == 'running' then
    local rows = {}
    for _, id in ipairs(call('ZRANGE', LEASES, 0, -1)) do
        local r = parse(call('HGET', JOBS, id))
        if r then rows[#rows + 1] = { id = id, order = place(id, r) } end
    end
    for _, member in ipairs(call('ZRANGE', BUNDLES, 0, -1)) do
        local b = read_bundle(member)
        repeat
            local found, last = in_bundle(b, BODIES_MAX)
            for _, one in ipairs(found) do
                rows[#rows + 1] = { id = one.id, order = place(one.id, one.r) }
            end
            b.first = last and '(' .. last
        until not last
    end
    table.sort(rows, function(a, b) return a.order < b.order end)
    local from = after and place(before, after)
    for _, row in ipairs(rows) do
        if #ids < limit and (not from or row.order > from) then ids[#ids + 1] = row.id end
    end
elseif limit > 0 then
    local start = after and '(' .. after.sid or '-'
    each_entry(DEAD, start, limit, function(entry) ids[#ids + 1] = entry[2][2] end)
end

local out = {}
for at, id in ipairs(ids) do
    if at > limit then break end
    local r = look_up(id)
    local blob, enqueued, history
    if r then blob, enqueued, history = body(id, r) end
    if blob then
        local head = 0
        if #blob > 21 then
            local a, b, c, d = string.byte(blob, 18, 21)
            head = ((a * 256 + b) * 256 + c) * 256 + d
        end
        out[#out + 1] = pack(r)
        out[#out + 1] = cut(blob, 1, math.min(head, 65536))
        out[#out + 1] = math.max(#blob - head, 0)
        out[#out + 1] = tonumber(enqueued)
        out[#out + 1] = history or call('HGET', HIST, id) or ''
        out[#out + 1] = id
    end
end
commit()
return out
