-- Stops or lets go on the leasing of jobs. Argument: 1 or 0.
M[PAUSED] = tonumber(ARGV[A + 1])
if M[PAUSED] == 0 then
    M[QUIET] = 0
    ring()
end
commit()
return 1
