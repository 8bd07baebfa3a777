-- How much of what: ready, scheduled, running, dead, dropped, retried, done, age of the oldest
-- ready job (-1: none), bytes, paused. Queues are looked at all the time, and most are empty: of
-- those little is asked.
settle()
local ready, oldest, planned, running = 0, -1, 0, 0
local is_empty = M[LIVE] == 0
for p = 1, is_empty and 0 or 3 do
    ready = ready + M[COUNT[p]] + call('ZCARD', FRONT[p])
    local first = list_ready({ p = p, state = 'none', sid = false }, 1)[1]
    local r = first and parse(call('HGET', JOBS, first))
    if r and r.p == p and (r.state == 'w' or r.state == 'f') then
        oldest = math.max(oldest, NOW - string.match(r.sid, '^%d+'))
    end
    local in_front = call('ZRANGE', FRONT[p], 0, 0, 'WITHSCORES')[2]
    if in_front then oldest = math.max(oldest, NOW - in_front) end
end
if not is_empty then
    planned, running = call('ZCARD', SCHED), call('ZCARD', LEASES) + M[BUNDLED]
end
commit()
return { ready, planned, running, call('XLEN', DEAD),
    M[DROPPED], M[RETRIED], M[DONE], math.max(oldest, ready > 0 and 0 or -1),
    M[BYTES] + M[KEY_BYTES] + M[ENDED_BYTES], M[PAUSED] }
