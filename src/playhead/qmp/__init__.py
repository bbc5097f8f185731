"""QMP: QEMU's machine protocol, for programs that control a machine.

`types.py` is the schema's vocabulary, `declared.py` the table of commands, and each `*_commands.py` declares those of
one subject, with what they take and return: from that follow the check of arguments, `query-qmp-schema` and the
reference page. `server.py` speaks the protocol over any transport; `json_stream.py` reads what may be hostile.

Whoever may speak QMP may do what the user may who started Playhead: read and write files by name, among other things.
"""
