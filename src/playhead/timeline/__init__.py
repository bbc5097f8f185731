"""Moving about in a recording: seek, step and continue in both directions, search backwards, name moments.

`player` is one machine that can be put at any moment; `timeline` decides which way is the shortest, keeps checkpoints
in memory where the user is, and searches; `moments` reads how people write a moment.
"""
