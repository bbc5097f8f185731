"""Engines run the declared processor: `run(budget)` retires exactly that many instructions, or fewer and says why.

Every engine works on the same `Core` (state block, TLB, page map), so that a machine can change engines at any moment.
"""
