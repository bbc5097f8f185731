"""Loading compiled code: linked by ourselves, or by LLVM where an object file has what our linker does not know."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playhead.engine.llvm import loading
from playhead.engine.llvm.compile import compile_part
from playhead.engine.llvm.linking import NotLinkable, link
from playhead.engine.llvm.loading import load, load_by_llvm
from playhead.engine.llvm.processors import ARM64, X86_64, this_processor

CASES = "\n".join(f"    i64 {n}, label %c{n}" for n in range(8))
ARMS = "\n".join(f"c{n}:\n  %r{n} = call i64 @other(i64 {(n * 37) ^ 0x155})\n  ret i64 %r{n}" for n in range(8))
CALLER = f"""
declare i64 @other(i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define i64 @choose(i64 %n) {{
  switch i64 %n, label %none [
{CASES}
  ]
{ARMS}
none:
  ret i64 -1
}}
define i64 @fill(ptr %at, i64 %size) {{
  call void @llvm.memset.p0.i64(ptr %at, i8 90, i64 %size, i1 false)
  ret i64 %size
}}
define double @constant(double %x) {{
  %y = fmul double %x, 1.234567
  ret double %y
}}
define i64 @indirect(i64 %n) {{
  %known = icmp eq i64 %n, 0
  %f = select i1 %known, ptr @choose, ptr @other
  %r = call i64 %f(i64 %n)
  ret i64 %r
}}
"""
OTHER = """
@table = internal constant [2 x ptr] [ptr @other, ptr @twice]
declare i64 @choose(i64)
define i64 @other(i64 %n) {
  %r = add i64 %n, 1000
  ret i64 %r
}
define i64 @twice(i64 %n) {
  %r = mul i64 %n, 2
  ret i64 %r
}
define i64 @dispatch(i64 %which, i64 %n) {
  %p = getelementptr [2 x ptr], ptr @table, i64 0, i64 %which
  %f = load ptr, ptr %p
  %r = call i64 %f(i64 %n)
  ret i64 %r
}
"""
COUNTER = """
@count = internal global i64 7
define i64 @next() {
  %old = load i64, ptr @count
  %new = add i64 %old, 1
  store i64 %new, ptr @count
  ret i64 %new
}
"""
NAMES = ("choose", "fill", "constant", "indirect", "other", "dispatch")


@pytest.fixture(scope="module")
def objects():
    return [compile_part(CALLER), compile_part(OTHER)]


def function(address, result=ctypes.c_int64, *arguments):
    return ctypes.CFUNCTYPE(result, *(arguments or (ctypes.c_int64,)))(address)


def check(at):
    """All of them do what their source says."""
    choose, two = function(at["choose"]), (ctypes.c_int64, ctypes.c_int64)
    assert [choose(n) for n in range(9)] == [((n * 37) ^ 0x155) + 1000 for n in range(8)] + [-1]
    assert [function(at["indirect"])(n) for n in (0, 3)] == [0x155 + 1000, 1003]
    assert [function(at["dispatch"], ctypes.c_int64, *two)(n, 21) for n in (0, 1)] == [1021, 42]
    assert function(at["constant"], ctypes.c_double, ctypes.c_double)(2.0) == 2 * 1.234567
    space = ctypes.create_string_buffer(3000)
    assert function(at["fill"], ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(ctypes.addressof(space), 2999) == 2999
    assert space.raw == b"Z" * 2999 + b"\0"


CALL = {X86_64: rb"\x04\0\0\0(.\0\0\0\xfc\xff)", ARM64: rb"[\x1a\x1b]\x01\0\0(.\0\0\0\0\0)"}  # type, symbol, addend


def unknown(data):
    """The object file with calls whose relocations are of another type."""
    changed, count = re.subn(CALL[this_processor()], b"\x63\0\0\0\\1", data)
    assert count
    return changed


def rights(address):
    """Of the page there: `r-xp`."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights = line.split()[:2]
        low, high = (int(text, 16) for text in place.split("-"))
        if low <= address < high:
            return rights
    raise AssertionError("not mapped")


def test_linked_code_does_what_its_source_says(objects, monkeypatch):
    image = link(objects)
    assert {name for _, name in image.outside} == {"memset"} and len(image.absolute) == 4  # choose, other; the table's
    monkeypatch.setattr(loading, "load_by_llvm", None)
    first, second = load(objects, NAMES), load(objects[::-1], NAMES)
    check(first)
    check(second)
    assert rights(first["choose"]) == "r-xp" and not set(first.values()) & set(second.values())


def test_llvm_loads_what_cannot_be_linked(objects):
    """State in the compiled code, and a file for another processor: the first works, by LLVM's loader."""
    counter = compile_part(COUNTER)
    with pytest.raises(NotLinkable, match="section"):
        link([counter])
    at = load([*objects, counter], (*NAMES, "next"))
    check(at)
    assert [function(at["next"])(0) for _ in range(3)] == [8, 9, 10]
    check(load_by_llvm(objects, NAMES))


@pytest.mark.parametrize("spoil, reason", [
    (lambda data: data[:40], "damaged"),
    (lambda data: data[:-1000], "damaged"),
    (lambda data: b"\x7fELF\x01" + data[5:], "no relocatable"),
    (lambda data: data[:18] + b"\x16\0" + data[20:], "no relocatable"),  # S/390
    (lambda data: unknown(data), "type 99"),
])  # fmt: skip
def test_other_files_are_refused(objects, spoil, reason):
    with pytest.raises(NotLinkable, match=reason):
        link([spoil(objects[0])])


def test_two_of_a_name_are_refused(objects):
    with pytest.raises(NotLinkable, match="defined twice"):
        link([*objects, objects[1]])


REFUSED = """
import ctypes, sys
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(77)
from playhead.base.errors import HostError
from playhead.engine.llvm import loading
try:
    loading.map_code(b"\\xc3")
except HostError as e:
    print(e)
"""


def test_a_host_that_refuses_says_so():
    """Linux 6.3 lets a process refuse itself what SELinux and systemd refuse others."""
    done = subprocess.run([sys.executable, "-c", REFUSED], capture_output=True, text=True, timeout=300)
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert "lets no program make code" in done.stdout and "--engine reference" in done.stdout, done.stderr
