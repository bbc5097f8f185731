"""demo: record the demo guest twice while a script types at it, replay one recording in a fresh process, compare."""

import sys

from playhead.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
