-- Deletes an empty queue. Answers 1 when nothing is left of it, 0 while it holds something or is
-- paused.
settle()
if M[LIVE] > 0 or M[PAUSED] ~= 0 or call('XLEN', DEAD) > 0 then
    commit()
    return 0
end
-- Much may be remembered of what ended: the server frees it beside its other work.
for at = 1, #KEYS do call('UNLINK', KEYS[at]) end
return 1
