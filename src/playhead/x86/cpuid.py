"""Processor models as data: what CPUID answers (manual volume 2, CPUID), and with it which MSRs and CR4 bits exist.

Only what is implemented is claimed: no VME, PAE, MCE, PSE36 or SSE.
"""

from dataclasses import dataclass

FEATURES = {name: 1 << bit for name, bit in {
    "fpu": 0, "de": 2, "pse": 3, "tsc": 4, "msr": 5, "cx8": 8, "apic": 9, "sep": 11, "mtrr": 12, "pge": 13, "cmov": 15,
    "mmx": 23, "fxsr": 24,
}.items()}  # fmt: skip
CR4_OF_FEATURE = {"tsc": 1 << 2, "de": 1 << 3, "pse": 1 << 4, "pge": 1 << 7, "fxsr": 1 << 9}
BASIC, EXTENDED = (0, 1, 2, 3), (0x80000001, 0x80000002, 0x80000003, 0x80000004)  # the rows that the state block holds
VENDOR = b"GenuineIntel"  # what kernels choose their Intel code by


@dataclass(frozen=True, slots=True)
class Model:
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
        edx = sum(FEATURES[f] for f in self.features)
        brand = f"Playhead {self.name}".encode().ljust(48, b"\0")
        words = [int.from_bytes(brand[i : i + 4], "little") for i in range(0, 48, 4)]
        name = [(words[i], words[i + 1], words[i + 2], words[i + 3]) for i in (0, 4, 8)]
        return [(self.last, b, c, d), (self.signature, 0, 0, edx), self.cache, (0, 0, 0, 0), (0, 0, 0, 0), *name]


_P5 = ("fpu", "de", "pse", "tsc", "msr", "cx8", "apic")
_P6 = (*_P5, "sep", "mtrr", "pge", "cmov", "mmx", "fxsr")
MODELS = {m.name: m for m in (
    Model("486", 4, 8, 0, ("fpu",), 1, (0, 0, 0, 0)),
    Model("pentium", 5, 2, 12, _P5, 1, (0, 0, 0, 0)),
    Model("pentium2", 6, 5, 2, _P6, 2, (0x03020101, 0, 0, 0x0C040843)),
)}  # fmt: skip
DEFAULT = "pentium2"
