"""A program made by today's compiler as its users make theirs: Debian's `gcc -m32 -static`, with its start files.

The start files and libraries of a distribution hold instructions that no program of ours would have, such as the marks
of control-flow enforcement at every function (ENDBR32), which older processors take for NOPs. The compiler comes from
Debian's packages, unpacked into a private folder (host_tools.py), so the host needs none.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from tools.guests import host_tools
from tools.guests.apt import AptError

PACKAGES = ("gcc-12", "cpp-12", "binutils-x86-64-linux-gnu", "libbinutils", "libctf0", "libjansson4", "libisl23",
            "libmpc3", "libmpfr6", "libgmp10", "libgcc-12-dev", "lib32gcc-12-dev", "libc6-dev", "libc6-dev-i386",
            "linux-libc-dev")  # fmt: skip
FLAGS = ("-m32", "-static", "-O2", "-fcf-protection=full")
SAYS = "compiled by gcc"
_SOURCE = f'#include <stdio.h>\nint main(void) {{ return printf("{SAYS} %s\\n", __VERSION__) < 0; }}\n'
_ENDBR32 = bytes.fromhex("f30f1efb")


def build(folder: Path, say: Callable[[str], None]) -> Path:
    """The program, an ELF file kept in `folder`; the compiler is fetched if there is none yet."""
    key = host_tools.key_of(PACKAGES, _SOURCE, FLAGS)
    out = folder / f"compiled-{key}.elf"
    if not out.exists():
        tools = host_tools.fetch(folder, say, "compiler", PACKAGES)
        with tempfile.TemporaryDirectory(prefix="compile-", dir=folder) as scratch:
            made = Path(scratch) / "program"
            include = tools.folder / "usr/include"
            search: list[str | Path] = ["-isystem", include, "-isystem", include / "x86_64-linux-gnu"]
            search += [f"-B{tools.folder / 'usr/lib32'}", f"-B{tools.folder / 'usr/bin'}/x86_64-linux-gnu-"]
            tools.run("x86_64-linux-gnu-gcc-12", *FLAGS, *search, "-x", "c", "-", "-o", made, text=_SOURCE)
            if _ENDBR32 not in made.read_bytes():
                raise AptError("the compiled program has no ENDBR32, so it shows nothing")
            made.replace(out)
    return out
