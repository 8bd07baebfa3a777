-- Renews or hands back leases. Arguments: `renew` or `release`, then one each: id (16 bytes) and
-- attempt (10 digits). Answers for each 1, or 0 when it is not held any more.
local out, ids = {}, {}
for at = A + 2, #ARGV do ids[#ids + 1] = cut(ARGV[at], 1, 16) end
local records = call('HMGET', JOBS, unpack(ids))
local leases, set = {}, {}
begin()
for at, id in ipairs(ids) do
    local r = read(records[at])
    local attempt = tonumber(cut(ARGV[A + 1 + at], 17, 26))
    if not (r and r.state == 'r' and r.attempt == attempt) then
        -- It may have been handed back by the first sending.
        local was = AGAIN and ARGV[A + 1] == 'release' and r and r.state == 'f'
        out[at] = was and r.attempt == attempt and 1 or 0
    elseif ARGV[A + 1] == 'renew' then
        if r.bundle then
            unlease(id, r)
            set[#set + 1], set[#set + 2] = id, pack(r)
        end
        leases[#leases + 1] = NOW + LEASE
        leases[#leases + 1] = id
        out[at] = 1
    else
        unlease(id, r)
        r.uncounted = r.uncounted + 1
        to_front(id, r)
        out[at] = 1
    end
end
if #set > 0 then call('HSET', JOBS, unpack(set)) end
if #leases > 0 then
    call('ZADD', LEASES, unpack(leases))
    alarm(NOW + LEASE)
end
commit()
return out
