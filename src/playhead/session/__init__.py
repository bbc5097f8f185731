"""Sessions drive a machine: `RunSession` plainly, `RecordSession` while logging, `ReplaySession` from a log.

What a machine must offer is in `target`; what is guest-visible enters through `door`; when it may, is decided in `run`.
"""
