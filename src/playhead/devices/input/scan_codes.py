"""Scan codes: what a keyboard of 102 keys and more sends for each key, by QEMU's key names, in scan code sets 1, 2, 3.

Set 2 is declared. Set 1 follows from it, as in a PC: the keyboard controller's ROM translates byte by byte
(`TO_SET_1`), and the break prefix F0h becomes bit 7 of the next byte. Only a few keys of other makers' keyboards have a
code in set 1 and none in set 2 (`SET_1_ONLY`). Print Screen and Pause send sequences, which depend on the keys that are
held.

Keys of set 3 all send a break code, as in QEMU; F7h to FDh, which would change that key by key, are only acknowledged.

Sources: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)"; Microsoft,
"Keyboard Scan Code Specification" (the keys added since). Of the keys that neither has: what QEMU 7.2 sends.
"""

from functools import cache

from playhead.log.event_names import KEYS

BREAK = 0xF0  # set 2's and 3's prefix of a key release
E0 = b"\xe0"

# Scan code set 2 to set 1, as the controller's ROM does it; codes from 80h on stay, but for two.
TO_SET_1 = bytes.fromhex(
    "ff43413f3d3b3c5864444240 3e0f2959 65382a701d10025a66712c1f1e11035b 672e2d201205045c68392f211413065d"
    "693130232215075e6a7232241608095f 6b332517180b0a606c34352627190c61 6d7328741a0d626e3a361c1b752b6376"
    "55567778797a0e7b7c4f7d4b477e7f6f 5253504c4d480145574e514a37494654"
) + bytes((0x80, 0x81, 0x82, 0x41, 0x54)) + bytes(range(0x85, 0x100))  # fmt: skip
assert len(TO_SET_1) == 256

# key, its code in set 2, its code in set 3
CODES = """
    shift 12 12, shift_r 59 59, alt 11 19, alt_r e011 39, ctrl 14 11, ctrl_r e014 58, menu - 91, esc 76 08, 1 16 16,
    2 1e 1e, 3 26 26, 4 25 25, 5 2e 2e, 6 36 36, 7 3d 3d, 8 3e 3e, 9 46 46, 0 45 45, minus 4e 4e, equal 55 55,
    backspace 66 66, tab 0d 0d, q 15 15, w 1d 1d, e 24 24, r 2d 2d, t 2c 2c, y 35 35, u 3c 3c, i 43 43, o 44 44,
    p 4d 4d, bracket_left 54 54, bracket_right 5b 5b, ret 5a 5a, a 1c 1c, s 1b 1b, d 23 23, f 2b 2b, g 34 34, h 33 33,
    j 3b 3b, k 42 42, l 4b 4b, semicolon 4c 4c, apostrophe 52 52, grave_accent 0e 0e, backslash 5d 5c, z 1a 1a,
    x 22 22, c 21 21, v 2a 2a, b 32 32, n 31 31, m 3a 3a, comma 41 41, dot 49 49, slash 4a 4a, asterisk 7c 7e,
    spc 29 29, caps_lock 58 14, f1 05 07, f2 06 0f, f3 04 17, f4 0c 1f, f5 03 27, f6 0b 2f, f7 83 37, f8 0a 3f,
    f9 01 47, f10 09 4f, num_lock 77 76, scroll_lock 7e 5f, kp_divide e04a 4a, kp_multiply 7c 7e, kp_subtract 7b 4e,
    kp_add 79 7c, kp_enter e05a 79, kp_decimal 71 71, sysrq - 57, kp_0 70 70, kp_1 69 69, kp_2 72 72, kp_3 7a 7a,
    kp_4 6b 6b, kp_5 73 73, kp_6 74 74, kp_7 6c 6c, kp_8 75 75, kp_9 7d 7d, less 61 13, f11 78 56, f12 07 5e,
    print - 57, home e06c 6e, pgup e07d 6f, pgdn e07a 6d, end e069 65, left e06b 61, up e075 63, down e072 60,
    right e074 6a, insert e070 67, delete e071 64, stop e028 0a, again - 0b, props - 0c, undo - 10, copy - 18,
    open - 20, paste - 28, find - 30, cut - 38, help - 09, meta_l e01f 8b, meta_r e027 8c, compose e02f 8d,
    pause - 62, ro 51 -, hiragana 62 87, henkan 64 86, yen 6a 5d, muhenkan 67 85, katakanahiragana 13 87,
    kp_comma 6d -, kp_equals 0f -, power e037 -, sleep e03f -, wake e05e -, audionext e04d 93, audioprev e015 94,
    audiostop e03b 98, audioplay e034 -, audiomute e023 9c, volumeup e032 95, volumedown e021 9d, mediaselect e050 -,
    mail e048 -, calculator e02b a3, computer e040 -, ac_home e03a 97, ac_back e038 -, ac_forward e030 -,
    ac_refresh e020 -, ac_bookmarks e018 -, lang1 f2 -, lang2 f1 -,
"""  # fmt: skip
SETS_2_AND_3 = {key: (two, three) for key, two, three in (line.split() for line in CODES.split(",") if line.strip())}
SET_1_ONLY = {
    "menu": "e01e", "again": "e005", "props": "e006", "undo": "e007", "front": "e00c", "copy": "e078", "open": "64",
    "paste": "65", "find": "e041", "cut": "e03c", "lf": "5b", "help": "e075",
}  # fmt: skip
MAKE_ONLY = ("lang1", "lang2")  # they send nothing when they are released
PRINT, PAUSE = ("print", "sysrq"), "pause"

MODIFIERS = ("shift", "shift_r", "alt", "alt_r", "ctrl", "ctrl_r")  # bit n of what is held is for the n-th
SHIFTS = frozenset(("shift", "shift_r", "ctrl", "ctrl_r"))
CTRLS = frozenset(("ctrl", "ctrl_r"))


def codes(key: str, down: bool, scan_set: int, held: frozenset[str]) -> bytes:
    """What is sent when a key is pressed or released; nothing for a key that this set does not have. `held`: those of
    `MODIFIERS` that are down.
    """
    if scan_set == 3:
        code = bytes.fromhex(SETS_2_AND_3.get(key, ("-", "-"))[1].strip("-"))
        return _broken(code) if code and not down else code
    if scan_set == 1 and key in SET_1_ONLY:
        code = bytes.fromhex(SET_1_ONLY[key])
        return code if down else code[:-1] + bytes((code[-1] | 0x80,))
    sent = _set_2(key, down, held)
    return translated(sent) if scan_set == 1 else sent


def _set_2(key: str, down: bool, held: frozenset[str]) -> bytes:
    if key == PAUSE:
        return _pause(held) if down else b""
    if key in PRINT:
        return _print(down, held)
    code = bytes.fromhex(SETS_2_AND_3.get(key, ("-", "-"))[0].strip("-"))
    if down or not code:
        return code
    return b"" if key in MAKE_ONLY else _broken(code)


def _broken(code: bytes) -> bytes:
    """The break code of a make code: the prefix goes in front of the last byte."""
    return code[:-1] + bytes((BREAK, code[-1]))


def _pause(held: frozenset[str]) -> bytes:
    """Make and break at once; with Ctrl it is Break."""
    if held & CTRLS:
        return bytes.fromhex("e07ee0f07e")
    return bytes.fromhex("e11477e1f014f077")


def _print(down: bool, held: frozenset[str]) -> bytes:
    """With Alt it is SysRq, and Alt is let go around it; alone it comes with a Shift of its own."""
    if "alt" in held:
        return bytes.fromhex("f0111184" if down else "f084f01111")
    if "alt_r" in held:
        return bytes.fromhex("e0f011e01184" if down else "f084e0f011e011")
    if held & SHIFTS:
        return bytes.fromhex("e07c" if down else "e0f07c")
    return bytes.fromhex("e012e07c" if down else "e0f07ce0f012")


def translated(sent: bytes) -> bytes:
    """A sequence of set 2 in set 1."""
    out, released = bytearray(), 0
    for byte in sent:
        if byte == BREAK:
            released = 0x80
        else:
            out.append(TO_SET_1[byte] | released)
            released = 0
    return bytes(out)


@cache
def numbered() -> dict[int, str]:
    """The key of each number that `sendkey 0x1e` means: its code in set 1, plus 80h for one with the prefix E0h."""
    found: dict[int, str] = {}
    for key in KEYS:
        code = codes(key, True, 1, frozenset())
        if len(code) == 1:
            found.setdefault(code[0], key)
        elif len(code) == 2 and code[:1] == E0:
            found.setdefault(code[1] | 0x80, key)
    return {**found, 0x54: "sysrq", 0xB7: "print", 0xC6: "pause"}
