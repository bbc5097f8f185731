"""Processor models as data: what CPUID answers (manual volume 2, CPUID), and with it which MSRs and CR4 bits exist.

A model has the features of QEMU's model of the same name. Only what is implemented is claimed: there is no SSE, so no
model with SSE. `parse` reads the value of `-cpu`: a model, and features that are to be added or removed.
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from playhead.base.errors import UsageError

FEATURES = {name: 1 << bit for name, bit in {
    "fpu": 0, "vme": 1, "de": 2, "pse": 3, "tsc": 4, "msr": 5, "pae": 6, "mce": 7, "cx8": 8, "apic": 9, "sep": 11,
    "mtrr": 12, "pge": 13, "mca": 14, "cmov": 15, "pat": 16, "pse36": 17, "mmx": 23, "fxsr": 24,
}.items()}  # fmt: skip
EXTENDED_FEATURES = {"nx": 1 << 20}  # EDX of leaf 80000001h
ALL = (*FEATURES, *EXTENDED_FEATURES)
FIXED = ("fpu", "apic")  # the board and every program count on them
CR4_OF_FEATURE = {
    "vme": 3, "tsc": 1 << 2, "de": 1 << 3, "pse": 1 << 4, "pae": 1 << 5, "mce": 1 << 6, "pge": 1 << 7, "fxsr": 1 << 9,
}  # fmt: skip
BASIC, EXTENDED = (0, 1, 2, 3), (0x80000001, 0x80000002, 0x80000003, 0x80000004)  # the rows that the state block holds
FEATURE_WORD, EXTENDED_WORD = 7, 4 * len(BASIC) + 3  # which words of the field `cpuid` are EDX of 1 and of 80000001h
VENDOR = b"GenuineIntel"  # what kernels choose their Intel code by


class Model(NamedTuple):
    """A processor model. `last` is the highest basic leaf; `cache` is leaf 2."""

    name: str
    family: int
    model: int
    stepping: int
    features: tuple[str, ...]
    last: int
    cache: tuple[int, int, int, int]

    @property
    def signature(self) -> int:
        return self.family << 8 | self.model << 4 | self.stepping

    @property
    def cr4_mask(self) -> int:
        counters = 1 << 8 if self.family >= 6 else 0
        return sum(CR4_OF_FEATURE.get(f, 0) for f in self.features) | counters

    def rows(self) -> list[tuple[int, int, int, int]]:
        """EAX, EBX, ECX, EDX of the leaves of `BASIC`, then of `EXTENDED`."""
        b, d, c = (int.from_bytes(VENDOR[i : i + 4], "little") for i in (0, 4, 8))
        edx, extended = (sum(word.get(f, 0) for f in self.features) for word in (FEATURES, EXTENDED_FEATURES))
        brand = f"Playhead {self.name}".encode().ljust(48, b"\0")
        words = [int.from_bytes(brand[i : i + 4], "little") for i in range(0, 48, 4)]
        name = [(words[i], words[i + 1], words[i + 2], words[i + 3]) for i in (0, 4, 8)]
        return [(self.last, b, c, d), (self.signature, 0, 0, edx), self.cache, (0, 0, 0, 0), (0, 0, 0, extended), *name]


_I486 = ("fpu", "vme", "pse")
_P5 = (*_I486, "de", "tsc", "msr", "mce", "cx8", "mmx", "apic")
_P6 = (*_P5, "pae", "sep", "mtrr", "pge", "mca", "cmov", "pat", "pse36", "fxsr")
MODELS = {m.name: m for m in (
    Model("486", 4, 8, 0, _I486, 1, (0, 0, 0, 0)),
    Model("pentium", 5, 4, 3, _P5, 1, (0, 0, 0, 0)),
    Model("pentium2", 6, 5, 2, _P6, 2, (0x03020101, 0, 0, 0x0C040843)),
)}  # fmt: skip
DEFAULT = "pentium2"


@cache
def parse(text: str) -> Model:
    """`pentium2`, `pentium2,+nx,-pae`, `pentium2,nx=on,pae=off`: the model with these features. Raises UsageError."""
    name, *changes = text.split(",")
    if name not in MODELS:
        raise UsageError(f"unknown model {name!r}{_nearest(name, MODELS)}; there is {', '.join(MODELS)}")
    wanted: dict[str, bool] = {}
    for change in changes:
        feature, on = _change(change)
        if wanted.setdefault(feature, on) != on:
            raise UsageError(f"the feature {feature} is asked for and refused")
    base = MODELS[name]
    features = tuple(f for f in ALL if wanted.get(f, f in base.features))
    return base._replace(features=features)


def canonical(text: str) -> str:
    """The one way to write a processor: its model, then what differs from that, in the order of CPUID's bits."""
    name = text.partition(",")[0]
    has, base = parse(text).features, MODELS[name].features
    changes = [("+" if f in has else "-") + f for f in ALL if (f in has) != (f in base)]
    return ",".join([name, *changes])


def _change(text: str) -> tuple[str, bool]:
    """`+nx`, `-nx`, `nx`, `nx=on`, `nx=off`."""
    if text[:1] in ("+", "-"):
        feature, on = text[1:], text[0] == "+"
    else:
        feature, equals, value = text.partition("=")
        if equals and value not in ("on", "off"):
            raise UsageError(f"the feature {feature!r} can be on or off, not {value!r}")
        on = value != "off"
    if feature not in ALL:
        near = _nearest(feature, ALL)
        raise UsageError(f"the feature {feature!r} is not implemented{near}; there is {', '.join(ALL)}")
    if feature in FIXED and not on:
        raise UsageError(f"the feature {feature} cannot be taken away")
    return feature, on


def _nearest(text: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # for a message only

    near = get_close_matches(text, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""
