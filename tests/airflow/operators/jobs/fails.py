"""A job that fails, with a line that says why."""

print("there is no such column: amount")
raise SystemExit(3)
