"""`python -m playhead.gdb` prints the file of commands that gdb can load: `gdb -x "$(python -m playhead.gdb)"`."""

from playhead.gdb import INSIDE_GDB

if __name__ == "__main__":
    print(INSIDE_GDB)
