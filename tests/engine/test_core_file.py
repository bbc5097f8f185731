"""The native core as a cached file: whatever way it is loaded, and what decides whether it may be."""

import ctypes
import os
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from playhead.engine.llvm import cache, core_file, target
from playhead.engine.llvm.compile import compile_part
from playhead.engine.llvm.cache import cache_dir
from playhead.engine.llvm.core_file import ENTRY, WORD, NativeCore, pack, read_core, write_core

FUNCTION = "define i64 @{0}() {{\n  ret i64 {1}\n}}\n"
WITH_STATE = """@count = internal global i64 40
define i64 @third() {
  %old = load i64, ptr @count
  %new = add i64 %old, 2
  store i64 %new, ptr @count
  ret i64 %new
}
"""
INDEX = {"handlers": ["third", "first", "second", "first"], "flags": [1, 2, 4, 0], "decode": b"tables",
         "copies": [[], ["second", "first"], [], ["second"]],
         "kinds": [0, 2, 4], "exports": ("first", "third")}  # fmt: skip


@pytest.fixture
def core(tmp_path, monkeypatch):
    """Makes a small core in a temporary cache, of two object files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Path(cache_dir(), "parts").mkdir(parents=True)

    def make(third: str) -> bytes:
        for key, text in (("a", FUNCTION.format("first", 10) + FUNCTION.format("second", 20)), ("b", third)):
            Path(core_file.part_path(key)).write_bytes(compile_part(text))
        return pack(["a", "b"], INDEX)

    return make


def check(core: NativeCore) -> None:
    entries = list(ENTRY.iter_unpack(core.handlers))
    assert [ctypes.CFUNCTYPE(ctypes.c_int64)(address)() for address, _, _ in entries] == [42, 10, 20, 10]
    assert [flags for _, flags, _ in entries] == INDEX["flags"] and core.decode == b"tables"
    assert [first for _, _, first in entries] == [0, 0, 2, 2]
    assert [ctypes.CFUNCTYPE(ctypes.c_int64)(address)()
            for (address,) in WORD.iter_unpack(core.copies)] == [20, 10, 20]  # fmt: skip
    assert core.address["first"] == entries[1][0] == entries[3][0] and core.address["third"] == entries[0][0]


def test_linked(core, monkeypatch):
    data = core(FUNCTION.format("third", 42))
    monkeypatch.setattr(core_file, "load_by_llvm", None)
    check(NativeCore(data))


def test_left_to_llvm(core):
    """A part that keeps state is nothing that our linker takes."""
    data = core(WITH_STATE)
    assert b'"linked": false' in data
    check(NativeCore(data))


def test_a_damaged_file_is_none(core):
    write_core(core(FUNCTION.format("third", 42)))
    path = Path(core_file.core_path())
    whole = path.read_bytes()
    check(read_core())
    for at in (0, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        assert read_core() is None
        path.write_bytes(whole[:at])
        assert read_core() is None
    path.unlink()
    assert read_core() is None


def test_the_key_holds_the_target(monkeypatch):
    key = core_file.source_key()
    assert key == core_file.IMPORTED
    monkeypatch.setattr(core_file, "target", lambda: b"another processor")
    assert core_file.source_key() != key


def test_without_sources_there_is_no_key(monkeypatch, tmp_path):
    """As in an installation of bytecode only: else all versions had one key."""
    monkeypatch.setattr(cache.version, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "ir").mkdir()
    with pytest.raises(AssertionError, match="no sources in ir"):
        core_file.source_key()


def test_the_processor_is_what_llvm_takes_it_for():
    """Where each of these bits is (AMD's and Intel's manuals, CPUID) on one side, LLVM's reading of it on the other."""
    cpuid, xcr0 = target._instructions()
    saved = bool(cpuid(1, 0)[2] & target.OSXSAVE) and xcr0() & 6 == 6
    own = {"sse4.2": cpuid(1, 0)[2] >> 20 & 1, "popcnt": cpuid(1, 0)[2] >> 23 & 1, "bmi2": cpuid(7, 0)[1] >> 8 & 1,
           "avx2": cpuid(7, 0)[1] >> 5 & saved, "sse4a": cpuid(0x80000001, 0)[2] >> 6 & 1}  # fmt: skip
    theirs = llvm.get_host_cpu_features()
    assert own == {name: int(theirs[name]) for name in own}


def test_each_feature_counts_and_nothing_else():
    def processor(changed=(-1, 0, 0, 0), last=0x24, extended=0x80000021, subleaves=1):
        def cpuid(leaf, subleaf):
            assert leaf & 0x7FFFFFFF <= (extended & 0x7FFFFFFF if leaf >> 31 else last)
            values = [leaf * 77 + subleaf * 5 + r & ~target.OSXSAVE for r in range(4)]
            values[0] = {0: last, 7: subleaves, 0x80000000: extended}.get(leaf, values[0])
            if changed[:2] == (leaf, subleaf):
                values[changed[2]] ^= 1 << changed[3]
            return tuple(values)

        return target.identity(cpuid, lambda: 7)

    same = processor()
    for leaf, subleaf, registers in target.FEATURES:
        for register in range(4):
            if (leaf, register) not in ((0, 0), (7, 0), (0x80000000, 0)):
                other = processor((leaf, subleaf, register, 3)) != same
                assert other == (register in registers), (leaf, subleaf, register)
    assert processor(last=1, extended=0x80000001) != processor(last=7, subleaves=0) != same


def test_on_arm64_what_llvm_reads_of_cpuinfo_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", "1", "1", "aarch64")))
    monkeypatch.setattr(target, "CPUINFO", str(tmp_path / "cpuinfo"))
    core = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"

    def processor(text):
        (tmp_path / "cpuinfo").write_text(text)
        return target._processor()

    known = processor(core)
    assert processor(core.replace("50.00", "48.00")) == known
    for old, new in (("asimd", "asimd sve"), ("0x41", "0x61"), ("0xd0c", "0xd40")):
        assert processor(core.replace(old, new)) != known


def test_llvm_counts(monkeypatch, tmp_path):
    """Another library is another compiler, and an installation that is not as expected is asked by importing it."""
    known = target._llvm()
    (tmp_path / "llvmlite" / "binding").mkdir(parents=True)
    (tmp_path / "llvmlite" / "__init__.py").write_text("")
    (tmp_path / "llvmlite" / "_version.py").write_text("version_version = '9'")
    library = tmp_path / "llvmlite" / "binding" / "libllvmlite.so"
    monkeypatch.setattr(target.PathFinder, "find_spec", lambda name: spec)
    spec = type("Spec", (), {"origin": str(tmp_path / "llvmlite" / "__init__.py")})
    assert target._llvm() == (llvm_version(), llvm.llvm_version_info)
    seen = [known]
    for content in (bytes(10000), bytes(10001), b"1" + bytes(9999), bytes(9999) + b"1"):
        library.write_bytes(content)
        seen.append(target._llvm())
    assert len(set(seen)) == 5


def llvm_version():
    import llvmlite

    return llvmlite.__version__
