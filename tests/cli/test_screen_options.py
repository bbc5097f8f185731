"""-vga, -display and -vnc: what is there, what is refused and how, and which card a machine has."""

from __future__ import annotations

from typing import Any

import pytest

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.cli import record, screen_options, system_i386, views
from playhead.cli.option_table import Listed
from playhead.cli.options import parse_arguments
from playhead.cli.screen_options import adapter, left_out
from playhead.host.host import Host


def parsed(*words: str, face: bool = False) -> dict[str, Any]:
    if not face:
        return parse_arguments("record", record.OPTIONS, list(words))
    values = parse_arguments("", system_i386.OPTIONS, list(words), ["[DISK-IMAGE]"])
    values["default_vga"] = screen_options.takes_default(values)
    return values


@pytest.mark.parametrize("words, kind, why", [
    *((f"-vga {name}", UnsupportedError, "there is std or none") for name in
      ("cirrus", "vmware", "qxl", "virtio", "xenfb", "tcx", "cg3")),
    ("-vga nosuch", UsageError, "'nosuch' is not one of std, none"),
    *((f"-display {name}", UnsupportedError, f"'{name.partition(',')[0]}' is not supported; there is -") for name in
      ("gtk", "sdl,gl=on", "cocoa", "dbus", "egl-headless", "spice-app")),
    ("-display nosuch", UsageError, "'nosuch' is not one of none, curses, vnc"),
    ("-display vnc", UsageError, "vnc needs to be told where: vnc=:1"),
    ("-display vnc=nowhere", UsageError, "'nowhere' says no display"),
    ("-display none,x=1", UsageError, "it takes no more words"),
    ("-display curses,charset=nosuch", UsageError, "charset=nosuch is no encoding"),
    ("-display curses,colour=on", UsageError, "unknown key 'colour'"),
    ("-vnc 5", UsageError, "'5' says no display"),
    ("-spice port=1", UnsupportedError, "there is -vnc :N"), ("-sdl", UnsupportedError, "there is no window"),
    ("-curses", UnsupportedError, "there is -display curses"), ("-full-screen", UnsupportedError, "no window"),
    ("-alt-grab", UnsupportedError, "no window"), ("-g 800x600", UnsupportedError, "-global VGA.xres=W"),
    ("-k nosuch", UsageError, "nosuch"),
])  # fmt: skip
def test_what_is_refused(words: str, kind: type[PlayheadError], why: str) -> None:
    with pytest.raises(kind) as refused:
        parsed(*words.split())
    (line,) = refused.value.args
    assert why in line and line.startswith(words.split()[0]) and "\n" not in line


def test_what_there_is() -> None:
    assert parsed("-display", "curses,charset=ISO8859-1")["display"].charset == "iso8859-1"
    assert parsed("-display", "vnc=:3,password=on")["display"].vnc.password
    assert [one.port for one in parsed("-vnc", ":1", "-vnc", ":7")["vnc"]] == [5901, 5907]
    for option, there in (("-vga", "std"), ("-display", "curses"), ("-k", "de")):
        with pytest.raises(Listed, match=there):
            parsed(option, "help")


@pytest.mark.parametrize("words, of_verbs, of_face", [
    ("", "text", "std"), ("-vga std", "std", "std"), ("-vga none", "none", "none"), ("-device VGA", "none", "none"),
    ("-vnc :1", "std", "std"), ("-display vnc=:1", "std", "std"), ("-display curses", "std", "std"),
    ("-display none", "text", "std"), ("-vga none -vnc :1", "none", "none"), ("-M pc-4", "text", "text"),
    ("-M pc-4 -vnc :1", "std", "std"), ("-nodefaults", "text", "text"), ("-nographic", "text", "std"),
])  # fmt: skip
def test_which_card_there_is(words: str, of_verbs: str, of_face: str) -> None:
    assert adapter(parsed(*words.split())) == of_verbs
    assert adapter(parsed(*words.split(), face=True)) == of_face


def test_older_machines_have_their_text_adapter_in_any_case() -> None:
    assert left_out(parsed("-vga", "none"), "pc-5") == ("vga",) and left_out(parsed("-vga", "none"), "pc-4") == ()
    assert left_out(parsed(), "pc-5") == ()


@pytest.mark.parametrize("words, why", [
    ("-display curses -nographic", "both take the terminal"), ("-display curses -serial stdio", "COM1 is connected"),
    ("-display curses -monitor stdio", "takes the terminal"), ("-serial vc", "by -display curses only"),
    ("-monitor vc -serial null", "by -display curses only"),
])  # fmt: skip
def test_one_terminal(words: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        views.check(parsed(*words.split()))


def test_views_are_ends_of_the_host() -> None:
    host = Host(["vc"])
    values = parsed("-vnc", "none", "-vnc", ":77,to=99", "-display", "curses", "-k", "de")
    views.check(values)
    views.connect(host, values, "name")
    assert [end.kind for name, end in host.ends.items() if name.startswith("display")] == ["curses", "vnc"]  # type: ignore[attr-defined]
    assert host.consoles()[0].label == "serial0" and not host.status.enabled
    host.close()
