"""build: build the native core now (it is built on first use otherwise)"""

import sys
import time

from playhead.engine.llvm.build import load_or_build


def main() -> None:
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        print(f"\r{done} of {total} parts", end="" if sys.stdout.isatty() else "\n", flush=True)

    objects, index = load_or_build(progress)
    size = sum(map(len, objects))
    print(f"\n{len(index['handlers'])} handlers, {size / 1e6:.1f} MB of machine code, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
