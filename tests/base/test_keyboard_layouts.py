"""Keyboard layouts: beside QEMU's own, and what they make of characters, keysyms and texts."""

import re
from pathlib import Path

import pytest

from playhead.base.errors import UsageError
from playhead.base.keyboard.keysyms import KEYS, character, qcode_of_keysym
from playhead.base.keyboard.layouts import LAYOUTS, layout
from playhead.base.keyboard.typed_text import keys_of_text, unescaped
from playhead.devices.input.scan_codes import numbered
from playhead.log.event_names import KEYS as QCODES

QEMUS = Path("/usr/share/qemu/keymaps")
ASCII = "".join(map(chr, range(0x20, 0x7F)))
OTHER_KEY = {  # by layout: keysyms that QEMU 7.2 has on another key, where xkeyboard-config has moved them since
    "is": "|", "sv": "´", "sl": "¨¸", "pt-br": "°",
}  # fmt: skip
INCOMPARABLE = ("bepo", "et", "th")  # QEMU's are French Dvorak, Ethiopic, and written with names only


def qemus(name):
    """Character -> the keys that QEMU 7.2 has it on."""
    found = {}
    for line in (QEMUS / name).read_text().splitlines():
        if keysym := re.match(r"([a-zA-Z]|U[0-9A-Fa-f]{4}|0x100[0-9a-f]{4,5}|[0-9]) 0x([0-9a-f]+)", line):
            one = keysym[1] if len(keysym[1]) == 1 else chr(int(keysym[1].removeprefix("0x100").lstrip("U"), 16))
            found.setdefault(one, set()).add(numbered().get(int(keysym[2], 16)))
    return found


@pytest.mark.skipif(not QEMUS.is_dir(), reason="no qemu-system-data")
def test_qemus_layouts_are_all_there():
    assert set(LAYOUTS) == {path.name for path in QEMUS.iterdir() if len(path.name) in (2, 4, 5)}


@pytest.mark.skipif(not QEMUS.is_dir(), reason="no qemu-system-data")
@pytest.mark.parametrize("name", [name for name in LAYOUTS if name not in INCOMPARABLE])
def test_characters_are_on_qemus_keys(name):
    keys, compared = layout(name), 0
    for one, wanted in qemus(name).items():
        if (chord := keys.chord(one)) and len(chord) < 2 and one not in OTHER_KEY.get(name, ""):
            compared += 1
            assert chord[-1] in wanted, (one, chord, wanted)
    assert compared >= 10


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_is_whole(name):
    keys = layout(name)
    assert {*keys.dead.values(), *(key for chord in keys.chords.values() for key in chord)} <= set(QCODES)
    assert len({chord for chord in keys.chords.values()}) == len(keys.chords) >= 88
    assert all(1 <= len(chord) <= 2 for chord in keys.chords.values())


@pytest.mark.parametrize("name, lacks", [("en-us", ""), ("en-gb", ""), ("de", ""), ("fr", ""), ("it", ""), ("ja", ""),
                                         ("de-ch", "^`~"), ("es", "^`"), ("sv", "^`~")])  # fmt: skip
def test_ascii_can_be_typed_but_for_dead_keys(name, lacks):
    assert [one for one in ASCII if not layout(name).chord(one)] == list(lacks)


def test_keysyms():
    assert set(KEYS.values()) <= set(QCODES)
    for keysym, layout_name, key in (
        (ord("a"), "en-us", "a"), (ord("A"), "en-us", "a"), (ord("!"), "en-us", "1"), (ord("z"), "de", "y"),
        (0xE4, "de", "apostrophe"), (0x20AC, "de", "e"), (0x01000000 + 0x20AC, "de", "e"), (ord("@"), "de", "q"),
        (ord("a"), "fr", "q"), (0x1B9, "cz", "3"), (0x6C1, "ru", "f"), (0x6B0, "ru", "3"), (0xDA1, "th", "d"),
        (0xFF0D, "fr", "ret"), (0xFFB5, "de", "kp_5"), (0xFE51, "es", "apostrophe"), (0xFE03, "de", "alt_r"),
        (0x1008FF13, "en-us", "volumeup"), (0xE4, "en-us", None), (0x999999, "en-us", None), (0, "en-us", None),
    ):  # fmt: skip
        assert qcode_of_keysym(keysym, layout_name) == key, (hex(keysym), layout_name)
    assert character(0x1EA) == "ę" and character(0xFF0D) == ""


def test_no_keysym_is_too_strange():
    for keysym in (-1, 0xFFFFFFFF, 0x01000000, 0x01110000, *range(0, 0x3000, 7)):
        assert qcode_of_keysym(keysym) in (None, *QCODES)


def test_a_text_is_chords():
    assert keys_of_text("aB~\n\t\x03", "en-us") == [
        ("a",), ("shift", "b"), ("shift", "grave_accent"), ("ret",), ("tab",), ("ctrl", "c"),
    ]  # fmt: skip
    assert keys_of_text("Zy{€", "de") == [("shift", "y"), ("z",), ("alt_r", "7"), ("alt_r", "e")]


def test_what_cannot_be_typed_is_named():
    with pytest.raises(UsageError, match=r"nothing is typed: .* en-us has no key for 'é' \(U\+00E9, latin"):
        keys_of_text("abcé")
    with pytest.raises(UsageError, match=r"\(U\+0000\).* and 1 more"):
        keys_of_text("\0éèêëö")
    with pytest.raises(UsageError, match=r"no keyboard layout is called 'xx'; there is ar, bepo, cz, .*, tr"):
        keys_of_text("a", "xx")


def test_escapes():
    assert unescaped(r"a\n\t\\\"\x1b\e") == 'a\n\t\\"\x1b\x1b'
    for text in ("\\", r"\q", r"\x1", r"\xgg"):
        with pytest.raises(UsageError, match="is not known in a text"):
            unescaped(text)
