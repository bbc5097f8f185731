"""Keyboard layouts by QEMU's names (`-k de`): which key, with Shift or AltGr, gives which character.

A layout is declared as what is printed on the keys: without a modifier, with Shift, with AltGr; in each, four rows of a
PC keyboard with 102 keys (and the two more of Japanese and Brazilian ones), `␣` for what is not there. Dead keys,
which only change the next character, are named behind, without and with Shift; what needs one cannot be typed here. A
character that is there more than once is typed with the fewest modifiers.

Where a layout has several variants, it is the one that QEMU has (`de` and `fr` without dead keys), but for `bepo` and
`et`, which are bépo and Estonian here, and in QEMU 7.2 the French Dvorak layout and Ethiopic. Source: the national
layouts as xkeyboard-config describes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from playhead.base.errors import UsageError

KEYS = tuple(
    """
    grave_accent 1 2 3 4 5 6 7 8 9 0 minus equal yen -
    q w e r t y u i o p bracket_left bracket_right -
    a s d f g h j k l semicolon apostrophe backslash -
    less z x c v b n m comma dot slash ro
    """.split()
)
NOTHING = "␣"
HELD: Sequence[tuple[str, ...]] = ((), ("shift",), ("alt_r",))
CONTROL = {
    "\x7f": ("backspace",),
    "\n": ("ret",),
    "\r": ("ret",),
    "\t": ("tab",),
    "\b": ("backspace",),
    "\x1b": ("esc",),
    " ": ("spc",),
}

# name: what the keys give without a modifier, with Shift, with AltGr; dead keys: key, without and with Shift
ROWS: Mapping[str, tuple[str, str, str, str]] = {
    "ar": (  # Arabic
        "\u06301234567890-=\u2423 \u0636\u0635\u062b\u0642\u0641\u063a\u0639\u0647\u062e\u062d\u062c\u062f "
        "\u0634\u0633\u064a\u0628\u0644\u0627\u062a\u0646\u0645\u0643\u0637\\ |\u0626\u0621\u0624\u0631\ufefb"
        "\u0649\u0629\u0648\u0632\u0638",
        "\u0651!@#$%^&*)(_+\u2423 \u064e\u064b\u064f\u064c\ufef9\u0625`\xf7\xd7\u061b<> \u0650\u064d][\ufef7"
        "\u0623\u0640\u060c/:\"\u2026 \xa6~\u0652}{\ufef5\u0622',.\u061f",
        "\u066a\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660\u2013\u2260\u2423 \u2423\u2423"
        "\u2423\u2423\u06a4\u2423\u2423\u2423\u2423\u2423\u0686\u2423 \u2423\u2423\u2423\u067e\u2423\u0671"
        "\u2423\u066b\u2423\u06af\u27e9\u27e8 \u2423\xbb\xab\u2423\u2423\u2423\u0670\u2423\u066c\u0698\u066d"
        "",
        "",
    ),
    "bepo": (  # French, bépo
        "$\"«»()@+-/*=%␣ bépoè␣vdljzw auie,ctsrnmç êàyx.k'qghf",
        "#1234567890°`␣ BÉPOÈ!VDLJZW AUIE;CTSRNMÇ ÊÀYX:K?QGHF",
        "–—<>[]^±−÷×≠‰␣ |␣&œ␣¡␣ð␣ĳə␣ æù␣€’©þß®␣␣␣ /\\{}…~¿␣␣†",
        "y circumflex",
    ),
    "cz": (  # Czech
        ";+ěščřžýáíé=␣␣ qwertzuiopú) asdfghjklů§␣ \\yxcvbnm,.-",
        "␣1234567890%␣␣ QWERTZUIOP/( ASDFGHJKL\"!' |YXCVBNM?:_",
        "`!@#$%^&*{}\\␣␣ \\|€¶ŧ←↓→øþ[] ~đĐ[]`'łŁ$'\\ /°#&@{}^<>*",
        "grave_accent - abovering, equal acute caron, backslash diaeresis",
    ),
    "da": (  # Danish
        "½1234567890+␣␣ qwertyuiopå␣ asdfghjklæø' <zxcvbnm,.-",
        '§!"#¤%&/()=?␣␣ QWERTYUIOPÅ␣ ASDFGHJKLÆØ* >ZXCVBNM;:_',
        "¾¡@£$½¥{[]}±|␣ @ſ€®þ←↓→œþ␣␣ ªßðđŋħ␣ĸł␣␣␣ \\«»©„“”µ␣·",
        "equal acute grave, bracket_right diaeresis circumflex",
    ),
    "de": (  # German
        "^1234567890ß´␣ qwertzuiopü+ asdfghjklöä# <yxcvbnm,.-",
        "°!\"§$%&/()=?`␣ QWERTZUIOPÜ* ASDFGHJKLÖÄ' >YXCVBNM;:_",
        "¬¹²³¼½¬{[]}\\¸␣ @ſ€¶ŧ←↓→øþ¨~ æſðđŋħ␣ĸł˝^’ |»«¢„“”µ·…–",
        "",
    ),
    "de-ch": (  # Swiss German
        "§1234567890'␣␣ qwertzuiopü␣ asdfghjklöä$ <yxcvbnm,.-",
        '°+"*ç%&/()=?␣␣ QWERTZUIOPè! ASDFGHJKLéà£ >YXCVBNM;:_',
        "¬|@#¼½¬|¢]}␣␣␣ @ſ€¶ŧ←↓→œþ[] æßðđŋħ␣ĸł␣{} \\«»¢„“”µ•·",
        "equal circumflex grave, bracket_right diaeresis",
    ),
    "en-gb": (  # British
        "`1234567890-=␣ qwertyuiop[] asdfghjkl;'# \\zxcvbnm,./",
        '¬!"£$%^&*()_+␣ QWERTYUIOP{} ASDFGHJKL:@~ |ZXCVBNM<>?',
        "|¹²³€½¾{[]}\\␣␣ @ſe¶ŧ←↓→øþ␣␣ æßðđŋħ␣ĸł␣␣␣ |«»¢„“”µ•·",
        "",
    ),
    "en-us": (  # American
        "`1234567890-=␣ qwertyuiop[] asdfghjkl;'\\ ␣zxcvbnm,./",
        '~!@#$%^&*()_+␣ QWERTYUIOP{} ASDFGHJKL:"| ␣ZXCVBNM<>?',
        "",
        "",
    ),
    "es": (  # Spanish
        "º1234567890'¡␣ qwertyuiop␣+ asdfghjklñ␣ç <zxcvbnm,.-",
        'ª!"·$%&/()=?¿␣ QWERTYUIOP␣* ASDFGHJKLÑ␣Ç >ZXCVBNM;:_',
        "\\|@#~½¬{[]}\\␣␣ @ſ€¶ŧ←↓→øþ[] æßðđŋħ␣ĸł␣{} |«»¢„“”µ•·",
        "bracket_left grave circumflex, apostrophe acute diaeresis",
    ),
    "et": (  # Estonian
        "␣1234567890+␣␣ qwertyuiopüõ asdfghjklöä' <zxcvbnm,.-",
        '␣!"#¤%&/()=?␣␣ QWERTYUIOPÜÕ ASDFGHJKLÖÄ* >ZXCVBNM;:_',
        "¬¹@£$½¬{[]}\\`␣ @ſ€¶ŧ←↓→øþ␣§ æšðđŋħ␣ĸł␣^½ |ž»¢„“”µ<>|",
        "grave_accent caron tilde, equal acute grave",
    ),
    "fi": (  # Finnish
        "§1234567890+␣␣ qwertyuiopå␣ asdfghjklöä' <zxcvbnm,.-",
        '½!"#¤%&/()=?␣␣ QWERTYUIOPÅ␣ ASDFGHJKLÖÄ* >ZXCVBNM;:_',
        "␣␣@£$‰‚{[]}\\␣␣ qw€rþyuıœ␣␣␣ əßðfghjĸ␣øæ␣ |ʒ×cvbŋµ’␣–",
        "equal acute grave, bracket_right diaeresis circumflex",
    ),
    "fo": (  # Faroese
        "½1234567890+␣␣ qwertyuiopåð asdfghjklæø' <zxcvbnm,.-",
        '§!"#¤%&/()=?␣␣ QWERTYUIOPÅÐ ASDFGHJKLÆØ* >ZXCVBNM;:_',
        "¾¡@£$½¥{[]}±|␣ @ſ€®þ←↓→œþ␣␣ ªßðđŋħ␣ĸł␣␣␣ \\«»©„“”µ␣·",
        "equal acute grave",
    ),
    "fr": (  # French
        "²&é\"'(-è_çà)=␣ azertyuiop^$ qsdfghjklmù* <wxcvbn,;:!",
        "~1234567890°+␣ AZERTYUIOP¨£ QSDFGHJKLM%µ >WXCVBN?./§",
        "¬¹~#{[|`\\^@]}␣ æ«€¶ŧ←↓→øþ␣¤ @ßðđŋħ␣ĸłµ^` |ł»¢„“”´•·",
        "",
    ),
    "fr-be": (  # Belgian
        "²&é\"'(§è!çà)-␣ azertyuiop␣$ qsdfghjklmùµ <wxcvbn,;:=",
        "³1234567890°_␣ AZERTYUIOP␣* QSDFGHJKLM%£ >WXCVBN?./+",
        "¬|@#¼½^{[{}\\␣␣ @ſ€¶ŧ←↓→œþ[] æßðđŋħ␣ĸł␣␣␣ \\«»¢„“”␣•·",
        "bracket_left circumflex diaeresis",
    ),
    "fr-ca": (  # Canadian French
        "#1234567890-=␣ qwertyuiop␣␣ asdfghjkl;␣< «zxcvbnm,.é",
        "|!\"/$%?&*()_+␣ QWERTYUIOP␣␣ ASDFGHJKL:␣> »ZXCVBNM'.É",
        "\\±@£¢¤¬¦²³¼½¾␣ ␣␣␣␣␣␣␣␣§¶[] ␣␣␣␣␣␣␣␣␣~{} °␣␣␣␣␣␣µ¯",
        "bracket_left circumflex circumflex, bracket_right cedilla diaeresis, apostrophe grave grave",
    ),
    "fr-ch": (  # Swiss French
        "§1234567890'␣␣ qwertzuiopè␣ asdfghjkléà$ <yxcvbnm,.-",
        '°+"*ç%&/()=?␣␣ QWERTZUIOPü! ASDFGHJKLöä£ >YXCVBNM;:_',
        "¬|@#¼½¬|¢]}␣␣␣ @ſ€¶ŧ←↓→œþ[] æßðđŋħ␣ĸł␣{} \\«»¢„“”µ•·",
        "equal circumflex grave, bracket_right diaeresis",
    ),
    "hr": (  # Croatian
        "`1234567890'+␣ qwertzuiopšđ asdfghjklčćž <yxcvbnm,.-",
        '~!"#$%&/()=?*␣ QWERTZUIOPŠĐ ASDFGHJKLČĆŽ >YXCVBNM;:_',
        "¬~␣^␣°␣`␣␣␣␣␣␣ \\|€¶ŧ←↓→øþ÷× æ„”[]ħ␣łł␣ß¤ |‘’¢@{}§<>",
        "",
    ),
    "hu": (  # Hungarian
        "0123456789öüó␣ qwertzuiopőú asdfghjkléáű íyxcvbnm,.-",
        "§'\"+!%/=()ÖÜÓ␣ QWERTZUIOPŐÚ ASDFGHJKLÉÁŰ ÍYXCVBNM?:_",
        "¬~␣^␣␣␣`␣␣␣␣␣␣ \\|Ä¶ŧ–€Í„”÷× äđĐ[]ħíłŁ$ß¤ <>#&@{}<;>*",
        "",
    ),
    "is": (  # Icelandic
        "␣1234567890ö-␣ qwertyuiopð' asdfghjklæ␣+ <zxcvbnm,.þ",
        '␣!"#$%&/()=Ö_␣ QWERTYUIOPÐ? ASDFGHJKLÆ␣* >ZXCVBNM;:Þ',
        "¬¹²³¼½¬{[]}\\␣␣ @ſ€¶ŧ←↓→ø|␣~ æß„đŋħ␣ĸł^␣` |«»¢„“”µ•·",
        "grave_accent abovering diaeresis, apostrophe acute acute",
    ),
    "it": (  # Italian
        "\\1234567890'ì␣ qwertyuiopè+ asdfghjklòàù <zxcvbnm,.-",
        '|!"£$%&/()=?^␣ QWERTYUIOPé* ASDFGHJKLç°§ >ZXCVBNM;:_',
        "¬¹²³¼½¬{[]}`~␣ @ſ€¶ŧ←↓→øþ[] æßðđŋħ␣ĸł@#␣ ««»¢“”ñµ␣·",
        "",
    ),
    "ja": (  # Japanese
        "␣1234567890-^\\ qwertyuiop@[ asdfghjkl;:] ␣zxcvbnm,./\\",
        "␣!\"#$%&'()~=~| QWERTYUIOP`{ ASDFGHJKL+*} ␣ZXCVBNM<>?_",
        "",
        "",
    ),
    "lt": (  # Lithuanian
        "`ąčęėįšųū„“-ž␣ qwertyuiop[] asdfghjkl;'\\ –zxcvbnm,./",
        '~ĄČĘĖĮŠŲŪ()_Ž␣ QWERTYUIOP{} ASDFGHJKL:"| €ZXCVBNM<>?',
        "´1234567890–=␣ @ſ€¶ŧ←↓→øþ␣␣ æßðđŋħ␣ĸł␣␣␣ |«»¢„“”µ•·",
        "",
    ),
    "lv": (  # Latvian
        "`1234567890-=␣ qwertyuiop[] asdfghjkl;'\\ ␣zxcvbnm,./",
        '~!@#$%^&*()_+␣ QWERTYUIOP{} ASDFGHJKL:"| ␣ZXCVBNM<>?',
        "´¹²³€½¾{[]}\\–␣ qwēŗtyūīōp«» āšdfģhjķļ;“` ␣žxčvbņm•·/",
        "",
    ),
    "mk": (  # Macedonian
        "␣1234567890-=␣ љњертѕуиопшѓ асдфгхјклчќж <зџцвбнм,./",
        "~!„“$%^&*()_+␣ ЉЊЕРТЅУИОПШЃ АСДФГХЈКЛЧЌЖ >ЗЏЦВБНМ;:?",
        "␣␣␣␣␣␣␣␣␣␣␣␣␣␣ ␣␣␣␣␣␣␣␣␣␣␣␣ ␣␣␣␣␣␣␣␣␣␣␣␣ |",
        "grave_accent grave",
    ),
    "nl": (  # Dutch
        "@1234567890/°␣ qwertyuiop␣* asdfghjkl+␣< ]zxcvbnm,.-",
        "§!\"#$%&_()'?␣␣ QWERTYUIOP␣| ASDFGHJKL±␣> [ZXCVBNM;:=",
        "¬¹²³¼½¾£{}°\\␣␣ @ſ€¶þÿüïò¶~␣ áßðªŋħ␣ĸł␣'␣ |«»¢“”ñμ¸·",
        "equal - tilde, bracket_left diaeresis circumflex, apostrophe acute grave",
    ),
    "no": (  # Norwegian
        "|1234567890+\\␣ qwertyuiopå␣ asdfghjkløæ' <zxcvbnm,.-",
        '§!"#¤%&/()=?␣␣ QWERTYUIOPÅ␣ ASDFGHJKLØÆ* >ZXCVBNM;:_',
        "¦¡@£$½¥{[]}±␣␣ @ſ€®þ←↓→œπ␣␣ ªßðđŋħ␣ĸł␣␣␣ ½«»©„“”µ␣…–",
        "equal - grave, bracket_right diaeresis circumflex",
    ),
    "pl": (  # Polish
        "`1234567890-=␣ qwertyuiop[] asdfghjkl;'\\ ␣zxcvbnm,./",
        '~!@#$%^&*()_+␣ QWERTYUIOP{} ASDFGHJKL:"| ␣ZXCVBNM<>?',
        "¬≠²³¢€½§·«»–␣␣ πœę©ß←↓→óþ␣␣ ąśðæŋ’ə…ł␣␣␣ ␣żźć„”ńµ≤≥",
        "",
    ),
    "pt": (  # Portuguese
        "\\1234567890'«␣ qwertyuiop+␣ asdfghjklçº␣ <zxcvbnm,.-",
        '|!"#$%&/()=?»␣ QWERTYUIOP*␣ ASDFGHJKLÇª␣ >ZXCVBNM;:_',
        "¬¹@£§½¬{[]}\\␣␣ @ſ€¶ŧ←↓→øþ␣␣ æßðđŋħ␣ĸł␣␣␣ \\«»¢„“”µ•·",
        "bracket_right acute grave, backslash tilde circumflex",
    ),
    "pt-br": (  # Brazilian
        "'1234567890-=␣ qwertyuiop␣[ asdfghjklç␣] \\zxcvbnm,.;/",
        '"!@#$%␣&*()_+␣ QWERTYUIOP␣{ ASDFGHJKLÇ␣} |ZXCVBNM<>:?',
        "¬¹²³£¢¬{[]}\\§␣ /?°®ŧ←↓→øþ´ª æßðđŋħ␣ĸł␣~º ␣«»©„“”µ•·␣°",
        "6 - diaeresis, bracket_left acute grave, apostrophe tilde circumflex",
    ),
    "ru": (  # Russian
        "ё1234567890-=␣ йцукенгшщзхъ фывапролджэ\\ /ячсмитьбю.",
        'Ё!"№;%:?*()_+␣ ЙЦУКЕНГШЩЗХЪ ФЫВАПРОЛДЖЭ/ |ЯЧСМИТЬБЮ,',
        "␣␣␣␣␣␣␣␣₽␣␣␣␣␣ ␣␣␣␣␣␣␣␣␣␣␣␣ ␣␣␣␣␣␣␣␣␣␣␣␣ |",
        "",
    ),
    "sl": (  # Slovenian
        "¸1234567890'+␣ qwertzuiopšđ asdfghjklčćž <yxcvbnm,.-",
        '¨!"#$%&/()=?*␣ QWERTZUIOPŠĐ ASDFGHJKLČĆŽ >YXCVBNM;:_',
        "␣␣␣␣␣␣␣␣␣␣␣␣␣␣ \\|€¶ŧ←↓→øþ÷× æ„“[]ħ␣łł␣ß¤ |‘’¢@{}§<>—",
        "",
    ),
    "sv": (  # Swedish
        "§1234567890+␣␣ qwertyuiopå␣ asdfghjklöä' <zxcvbnm,.-",
        '½!"#¤%&/()=?␣␣ QWERTYUIOPÅ␣ ASDFGHJKLÖÄ* >ZXCVBNM;:_',
        "¶¡@£$€¥{[]}\\±␣ @ſ€®þ←↓→œþ␣␣ ªßðđŋħ␣ĸłøæ´ |«»©„“”µ␣·",
        "equal acute grave, bracket_right diaeresis circumflex",
    ),
    "th": (  # Thai
        "_\u0e45/-\u0e20\u0e16\u0e38\u0e36\u0e04\u0e15\u0e08\u0e02\u0e0a\u2423 \u0e46\u0e44\u0e33\u0e1e\u0e30"
        "\u0e31\u0e35\u0e23\u0e19\u0e22\u0e1a\u0e25 \u0e1f\u0e2b\u0e01\u0e14\u0e40\u0e49\u0e48\u0e32\u0e2a"
        "\u0e27\u0e07\u0e03 <\u0e1c\u0e1b\u0e41\u0e2d\u0e34\u0e37\u0e17\u0e21\u0e43\u0e1d",
        "%+\u0e51\u0e52\u0e53\u0e54\u0e39\u0e3f\u0e55\u0e56\u0e57\u0e58\u0e59\u2423 \u0e50\"\u0e0e\u0e11"
        "\u0e18\u0e4d\u0e4a\u0e13\u0e2f\u0e0d\u0e10, \u0e24\u0e06\u0e0f\u0e42\u0e0c\u0e47\u0e4b\u0e29\u0e28"
        "\u0e0b.\u0e05 >()\u0e09\u0e2e\u0e3a\u0e4c?\u0e12\u0e2c\u0e26",
        "\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423 \u2423\u2423"
        "\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423 \u2423\u2423\u2423\u2423\u2423\u2423"
        "\u2423\u2423\u2423\u2423\u2423\u2423 |\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423\u2423"
        "",
        "",
    ),
    "tr": (  # Turkish
        '"1234567890*-␣ qwertyuıopğü asdfghjklşi, <zxcvbnmöç.',
        "é!'^+%&/()=?_␣ QWERTYUIOPĞÜ ASDFGHJKLŞİ; >ZXCVBNMÖÇ:",
        "<>£#$½¾{[]}\\|␣ @␣€¶₺←ûîô␣␣~ âß␣ª␣␣␣␣␣´'` |«»¢„“”µ×·",
        "",
    ),
}  # fmt: skip
LAYOUTS = tuple(ROWS)


@dataclass(frozen=True)
class Layout:
    name: str
    chords: Mapping[str, tuple[str, ...]]
    """The keys for each character, in the order in which they are pressed; the one that gives it is the last."""
    dead: Mapping[str, str]
    """The key for each accent that is on a dead key."""

    def chord(self, character: str) -> tuple[str, ...]:
        """The keys that are pressed together for a character; none if it cannot be typed."""
        return CONTROL.get(character) or self.chords.get(character) or _control_key(self, character)


def _control_key(layout: Layout, character: str) -> tuple[str, ...]:
    """Ctrl and a letter, for a control character."""
    letter = chr(ord(character) | 0x60) if len(character) == 1 and 1 <= ord(character) <= 26 else ""
    keys = layout.chords.get(letter, ())
    return ("ctrl", *keys) if len(keys) == 1 else ()


@cache
def layout(name: str) -> Layout:
    """Raises UsageError, with the names that there are."""
    if name not in ROWS:
        raise UsageError(f"no keyboard layout is called '{name}'; there is {', '.join(LAYOUTS)}")
    *levels, dead = ROWS[name]
    chords: dict[str, tuple[str, ...]] = {}
    for held, printed in zip(HELD, levels, strict=True):
        for key, character in zip(KEYS, printed, strict=False):
            if character not in (NOTHING, " "):
                chords.setdefault(character, (*held, key))
    return Layout(name, chords, dict(_dead(dead)))


def _dead(declared: str) -> Iterator[tuple[str, str]]:
    for entry in filter(None, declared.split(", ")):
        key, *accents = entry.split()
        yield from ((accent, key) for accent in accents if accent != "-")
