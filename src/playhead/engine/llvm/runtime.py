"""The native-only routines, written in the IR, in the order in which they are generated.

The state field `work` holds what they share: [0] address of the scratch bytes, [1] the handler `end`, [2] a dead block,
[3] the handler `stop`, [4] the block that was found, [5] the block of jumps to other pages, [6] the stub `count`, [7]
the block that was last cut short.
"""

from playhead.engine.llvm import (
    accesses, blocks, boundaries, device_access, heat, jump_cache, page_counts, run_loop, state_note,
)  # fmt: skip
from playhead.engine.llvm.invalidation import REPLACEMENTS

__all__ = [
    "REPLACEMENTS", "accesses", "blocks", "boundaries", "device_access", "heat", "jump_cache", "page_counts",
    "run_loop", "state_note",
]  # fmt: skip
