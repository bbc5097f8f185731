"""What the program says of itself: `help VERB`, `-cpu help` and its like, `python -m playhead`."""

import subprocess
import sys

import pytest

from playhead.boards import machine_version
from playhead.cli import VERBS, device_options, main
from playhead.devices import registry
from playhead.hw.declared import OUTSIDE
from playhead.x86.system import cpuid


def said(capfd, *words: str, status: int = 0) -> str:
    assert main(list(words)) == status
    out, err = capfd.readouterr()
    assert (err == "") == (status == 0)
    return out + err


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb, capfd):
    text = said(capfd, "help", verb)
    assert text.startswith(f"usage: playhead {verb} ") and text == said(capfd, verb, "--help")


def test_help_of_nothing_and_of_what_there_is_not(capfd):
    text = said(capfd, "help")
    assert text == said(capfd, "--help") and all(f"\n  {verb:<10} {what}\n" in text for verb, what in VERBS.items())
    assert "did you mean 'record'?" in said(capfd, "help", "recrod", status=2)


@pytest.mark.parametrize("verb", ["run", "record"])
def test_lists_of_values(verb, capfd):
    text = said(capfd, verb, "-cpu", "help")
    assert all(f"\n  {name} " in text for name in cpuid.MODELS) and all(f" {f}" in text for f in cpuid.ALL)
    text = said(capfd, verb, "-cpu", "pentium2,help")
    assert "pae" in text and "486" not in text
    for option in ("-M", "-machine", "--machine"):
        text = said(capfd, verb, option, "help")
        assert all(name in text for name, _ in machine_version.listed())
    listed = said(capfd, verb, "-device", "help")
    assert listed == said(capfd, verb, "-device", "?") and 'Storage devices:\nname "' in listed
    assert all(f'name "{name}", ' in listed for name in registry.creatable_names()) and "i8042" not in listed
    assert said(capfd, verb, "-accel", "help") == "tcg\n" and said(capfd, verb, "-vga", "help").startswith("std ")
    assert said(capfd, verb, "-chardev", "help") == "null\nstdio\nfile\npipe\npty\nsocket\nvc\n"
    assert said(capfd, verb, "-chardev", "file,help") == "id\npath\ninput-path\nappend\nmux\n"
    assert said(capfd, verb, "-chardev", "tcp,help", status=2).count("\n") == 1


def test_properties_of_devices_are_those_that_are_taken(capfd):
    text = said(capfd, "run", "-device", "isa-debugcon,help")
    assert text == said(capfd, "run", "-device", "isa-debugcon,?")
    assert text.startswith("isa-debugcon options:\n  chardev=<str> ")
    assert "  iobase=<uint16>        - its port (default: 233)\n" in text
    for name in registry.creatable_names():
        for known in registry.declared(name).properties:
            assert f"\n  {known.name}=<" in said(capfd, "run", "-device", f"{name},help")
            value = known.values[0] if known.values else {"mac": "52:54:00:12:34:56", "bool": "on"}.get(known.type, "1")
            given = "id=x" if known.type in OUTSIDE else f"{known.name}={value}"
            assert device_options.device(f"{name},{given}")


@pytest.mark.parametrize("words", [
    "-device nothing,help", "-device i8042,help", "-cpu z80,help", "-kernel help", "-device ,help",
])  # fmt: skip
def test_no_list_of_what_there_is_not(words, capfd):
    said(capfd, "run", *words.split(), status=2)


def test_as_a_module():
    for module in ("playhead", "playhead.cli"):
        done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith("playhead ") and not done.stderr
