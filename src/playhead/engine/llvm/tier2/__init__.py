"""The second tier: hot blocks compiled by LLVM, beside the guest, from the same declarations as the handlers.

A block that is compiled is entered instead of its first handler, and left by the handler of the uop where it cannot go
on (the block's own uops stay as they are). So everything that is rare has one implementation, tier 1's.
"""
