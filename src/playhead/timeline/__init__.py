"""Moving about in a recording: seek, step and continue in both directions, search backwards, name moments.

`player` is one machine that can be put at any moment; `timeline` decides which way is the shortest, keeps checkpoints
in memory near the user's moment, and searches; `moments` parses moments that users write.
"""
