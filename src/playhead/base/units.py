"""Units and their ends."""

NEVER = (1 << 63) - 1  # ns of virtual time; "no alarm is armed"
