-- A dead letter. Argument: its id. Answers nothing, or its record, body, time of enqueueing and
-- history.
settle()
commit()
local id = ARGV[A + 1]
local record = call('HGET', JOBS, id)
local r = parse(record)
if not r or r.state ~= 'x' then return {} end
local blob, enqueued, history = body(id, r)
if not blob then return {} end
return { record, blob, tonumber(enqueued), history or '[]' }
