"""build: build the native core now (it is built on first use otherwise)"""

import os
import sys
import time

from playhead.engine.llvm.core_file import ENTRY, core_path
from playhead.engine.llvm.library import load_or_build


def main() -> None:
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        print(f"\r{done} of {total} parts", end="" if sys.stdout.isatty() else "\n", flush=True)

    core = load_or_build(progress)
    handlers, size = len(core.handlers) // ENTRY.size, os.path.getsize(core_path())
    print(f"\n{handlers} handlers, {size / 1e6:.1f} MB with tables, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
