return { settle = settle, set_alarm = set_alarm, parse = parse, pack = pack, read = read,
    unlease = unlease, to_scheduled = to_scheduled, body = body, erase = erase, note = note,
    since_and_consumer = since_and_consumer, drop_dead = drop_dead, keep_dead_max = keep_dead_max,
    die = die, is_last = is_last, in_bundle = in_bundle, told_before = told_before }
