"""X11 keysyms, which VNC clients send, as keys of a PC keyboard by QEMU's names.

A keysym says what is printed on a key, so the keys of characters depend on the layout; all others are in the table
below. Characters come by their Latin-1 code, by Unicode (1000000h and more) or, from old clients, by a page of an 8-bit
character set (1A1h is byte A1h of ISO 8859-2).

Sources: X Window System Protocol, appendix A (keysym encoding); RFC 6143, 7.5.4 (KeyEvent). Where several keys would
do (Meta, Hyper): the one that QEMU takes.
"""

from playhead.base.keyboard.layouts import layout as layout_of

NO_CHARACTER = """
    ff08 backspace, ff09 tab, fe20 tab, ff0a lf, ff0d ret, ff13 pause, ff6b pause, ff14 scroll_lock, ff15 sysrq,
    ff1b esc, ffff delete, ff20 compose, ff22 muhenkan, ff23 henkan, ff25 hiragana, ff26 katakanahiragana,
    ff27 katakanahiragana, ff28 grave_accent, ff2a grave_accent, ff30 caps_lock, ff31 lang1, ff34 lang2, ff50 home,
    ff51 left, ff52 up, ff53 right, ff54 down, ff55 pgup, ff56 pgdn, ff57 end, ff61 print, ff63 insert, ff65 undo,
    ff66 again, ff67 compose, ff68 find, ff69 stop, ff6a help, ff7e alt_r, ff7f num_lock, ff80 spc, ff89 tab,
    ff8d kp_enter, ff95 kp_7, ff96 kp_4, ff97 kp_8, ff98 kp_6, ff99 kp_2, ff9a kp_9, ff9b kp_3, ff9c kp_1, ff9d kp_5,
    ff9e kp_0, ff9f kp_decimal, ffaa kp_multiply, ffab kp_add, ffac kp_comma, ffad kp_subtract, ffae kp_decimal,
    ffaf kp_divide, ffb0 kp_0, ffb1 kp_1, ffb2 kp_2, ffb3 kp_3, ffb4 kp_4, ffb5 kp_5, ffb6 kp_6, ffb7 kp_7, ffb8 kp_8,
    ffb9 kp_9, ffbd kp_equals, ffbe f1, ffbf f2, ffc0 f3, ffc1 f4, ffc2 f5, ffc3 f6, ffc4 f7, ffc5 f8, ffc6 f9,
    ffc7 f10, ffc8 f11, ffc9 f12, ffe1 shift, ffe2 shift_r, ffe3 ctrl, ffe4 ctrl_r, ffe5 caps_lock, ffe6 caps_lock,
    ffe7 alt, ffe8 alt_r, ffe9 alt, ffea alt_r, ffeb meta_l, ffec meta_r, ffed meta_l, ffee meta_r, fe03 alt_r,
    fe04 alt_r,
    1008ff11 volumedown, 1008ff12 audiomute, 1008ff13 volumeup, 1008ff14 audioplay, 1008ff15 audiostop,
    1008ff16 audioprev, 1008ff17 audionext, 1008ff18 ac_home, 1008ff19 mail, 1008ff1d calculator, 1008ff26 ac_back,
    1008ff27 ac_forward, 1008ff29 ac_refresh, 1008ff2a power, 1008ff2b wake, 1008ff2f sleep, 1008ff30 ac_bookmarks,
    1008ff31 audioplay, 1008ff32 mediaselect, 1008ff33 computer, 1008ff57 copy, 1008ff58 cut, 1008ff6b open,
    1008ff6d paste, 1008ff73 ac_refresh, 1005ff70 props, 1005ff71 front, 1005ff72 copy, 1005ff73 open, 1005ff74 paste,
    1005ff75 cut
"""  # fmt: skip
KEYS = {int(number, 16): key for number, key in (entry.split() for entry in NO_CHARACTER.split(","))}

DEAD = ("grave", "acute", "circumflex", "tilde", "macron", "breve", "abovedot", "diaeresis", "abovering", "doubleacute",
        "caron", "cedilla", "ogonek")  # fmt: skip
FIRST_DEAD = 0xFE50

UNICODE = 0x0100_0000
PAGES = {
    1: "iso8859-2",
    2: "iso8859-3",
    3: "iso8859-4",
    5: "iso8859-6",
    6: "koi8-u",
    0xD: "tis-620",
    0x13: "iso8859-15",
}
CYRILLIC = "ђѓёєѕіїјљњћќґўџ№ЂЃЁЄЅІЇЈЉЊЋЌҐЎЏ"  # 6A1h to 6BFh, where KOI8-U has boxes
PUBLISHING = {
    0xAA9: "—", 0xAAA: "–", 0xAAE: "…", 0xAC3: "⅛", 0xAC4: "⅜", 0xAC5: "⅝", 0xAC6: "⅞", 0xAC9: "™", 0xAD0: "‘",
    0xAD1: "’", 0xAD2: "“", 0xAD3: "”", 0xAE6: "•", 0xAFD: "‚", 0xAFE: "„", 0x8FB: "←", 0x8FC: "↑", 0x8FD: "→",
    0x8FE: "↓", 0x7D9: "Ω", 0x3BD: "Ŋ", 0x3BF: "ŋ",
}  # fmt: skip


def qcode_of_keysym(keysym: int, layout: str = "en-us") -> str | None:
    """The key that gives this keysym, alone or with Shift or AltGr; None if there is none. Raises UsageError for
    a layout that is not known.
    """
    if keysym in KEYS:
        return KEYS[keysym]
    keys = layout_of(layout)
    if 0 <= keysym - FIRST_DEAD < len(DEAD):
        return keys.dead.get(DEAD[keysym - FIRST_DEAD])
    chord = keys.chord(character(keysym))
    return chord[-1] if chord else None


def character(keysym: int) -> str:
    """The character that a keysym stands for; empty if it is none, or not one that any layout here has."""
    if 0x20 <= keysym < 0x7F or 0xA0 <= keysym < 0x100:
        return chr(keysym)
    if UNICODE < keysym < UNICODE + 0x11_0000:
        return chr(keysym - UNICODE)
    page, low = keysym >> 8, keysym & 0xFF
    if keysym in PUBLISHING:
        return PUBLISHING[keysym]
    if page == 6 and 0xA1 <= low < 0xC0:
        return CYRILLIC[low - 0xA1]
    if page == 0x20:  # currencies
        return chr(keysym)
    return bytes((low,)).decode(PAGES[page], "ignore") if page in PAGES and low >= 0xA0 else ""
