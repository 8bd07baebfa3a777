-- Stops or lets go on the leasing of jobs. Argument: 1 or 0.
M.paused = tonumber(ARGV[A + 1])
if M.paused == 0 then
    M.quiet = 0
    ring()
end
commit()
return 1
