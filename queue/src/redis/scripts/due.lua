-- One more than the newest due time that was stored; 0: none.
return M[DUE]
