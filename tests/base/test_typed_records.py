"""What mypy knows of records: a field's name and type, and what follows from them."""

import subprocess
import sys

from playhead.base import record

SNIPPET = """
from playhead.base.record import Array, Bool, Nested, Queue, Record, U8
from playhead.base.shared_record import Bytes, SharedRecord

class Part(SharedRecord):
    level = U8()
    fifo = Bytes(4)

class Whole(Record):
    on = Bool()
    part = Nested(Part)
    parts = Array(Part, 2)
    numbers = Queue(U8())

def right(w: Whole) -> int:
    w.part.fifo = b"12"
    w.parts[1].level = 3
    w.numbers = [w.part.level]
    return Whole.decode(w.copy().encode()).parts[0].level + w.part.fifo.pop(0)

w = Whole()
w.prat                  # no such field
w.part.lvl = 1          # no such field
w.part.level = "1"      # wrong type
w.parts[0] = w          # wrong type
w.numbers = [b"1"]      # wrong type
text: str = w.on        # wrong type
w.part.assign(w)        # another record
Whole.decode(b"").lost  # no such field
"""


def test_a_wrong_name_or_type_is_found(tmp_path):
    path = tmp_path / "snippet.py"
    path.write_text(SNIPPET)
    wrong = [n for n, line in enumerate(SNIPPET.splitlines(), 1) if "  # " in line]
    mypy = [sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), path.name]
    source = str(next(p for p in map(str, sys.path) if record.__file__.startswith(p) and p))
    out = subprocess.run(mypy, cwd=tmp_path, env={"MYPYPATH": source}, capture_output=True, text=True).stdout
    found = {int(line.split(":")[1]) for line in out.splitlines() if ": error:" in line}
    assert found == set(wrong), out
