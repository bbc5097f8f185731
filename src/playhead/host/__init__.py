"""The only door outside: the host's clocks, files, terminal, signals and character devices.

Nothing here reaches the machine by itself. Threads of this package only fill inboxes and wake the session; the session
decides at which moment something enters, and logs it.
"""
