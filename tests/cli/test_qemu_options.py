"""Every option that QEMU's own help names is taken, or refused by name with the reason."""

import re
import shutil
import subprocess

import pytest

from playhead.base.errors import PlayheadError, UnsupportedError
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import find, parse_arguments
from playhead.cli.refused_options import REFUSED

QEMU = "qemu-system-i386"
LATER_AND_EARLIER = ("-run-with", "-semihosting", "-one-insn-per-tb", "-perfmap", "-shim",
                     "-smbios", "-localtime", "-enable-kvm", "-writeconfig", "-tdf", "-no-kvm", "-balloon",
                     "-redir")  # fmt: skip
OF_THE_PROGRAM = ("h", "help", "version")  # answered before the table is asked


def names_of_help() -> set[str]:
    """The options that QEMU's help names; two in one line are `-fda/-fdb file` and `-h or -help`."""
    text = subprocess.run([QEMU, "--help"], capture_output=True, text=True, check=True).stdout
    heads = re.findall(r"^-\S+(?: or -\S+)?", text, re.MULTILINE)
    return {name for head in heads for name in re.findall(r"-[a-zA-Z][\w-]*", head.replace("--", "-"))}


@pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"there is no {QEMU} here")
def test_every_option_of_qemus_help():
    names = names_of_help()
    assert {"-fda", "-fdb", "-h", "-preconfig", "-object", "-no-hpet"} <= names and len(names) > 110
    for name in sorted(names):
        if name.lstrip("-") not in OF_THE_PROGRAM and find(MACHINE_OPTIONS, name) is None:
            assert refused(name), name


@pytest.mark.parametrize("name", LATER_AND_EARLIER)
def test_options_of_other_versions_of_qemu(name):
    assert refused(name)


def refused(name: str) -> bool:
    """Whether it is refused in one line that has its name and the reason."""
    with pytest.raises(PlayheadError) as error:
        parse_arguments("run", MACHINE_OPTIONS, [name, "x"])
    text = str(error.value)
    return error.type is UnsupportedError and text.startswith(f"{name} is not supported: ") and "\n" not in text


def test_nothing_is_both_refused_and_there():
    assert [name for name in REFUSED if find(MACHINE_OPTIONS, f"-{name}") is not None] == []
    assert all(why and not why.endswith(".") for why, _ in REFUSED.values())
