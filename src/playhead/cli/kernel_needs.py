"""Checks that the processor has the features that a Linux kernel (-kernel) requires; if not, which models have them."""

from playhead.base.errors import UnsupportedError
from playhead.boards.linux_features import Feature, required
from playhead.x86.system import cpuid

LONG_MODE = "lm"


def check(kernel: bytes, cpu: str) -> None:
    """Raise UnsupportedError if the kernel would not get beyond its first instructions."""
    needed = required(kernel)
    if any(feature.name == LONG_MODE for feature in needed):
        raise UnsupportedError("the kernel is a 64-bit one; this machine's processor is 32-bit")
    lacking = [feature for feature in needed if not _has(cpu, feature)]
    if lacking:
        names = ", ".join(feature.name for feature in lacking)
        way_out = _way_out(cpu, needed)
        raise UnsupportedError(f"the kernel needs {names}, which the processor {cpu} does not have; {way_out}")


def _has(cpu: str, feature: Feature) -> bool:
    leaves = dict(zip((*cpuid.BASIC, *cpuid.EXTENDED), cpuid.parse(cpu).rows(), strict=True))
    return feature.leaf in leaves and bool(leaves[feature.leaf][feature.register] >> feature.bit & 1)


def _way_out(cpu: str, needed: list[Feature]) -> str:
    """What to do: another model, or features that are added to this one."""
    model = next((name for name in cpuid.MODELS if all(_has(name, feature) for feature in needed)), None)
    if model is not None:
        return f"-cpu {model} has it"
    more = ",".join(f"+{f.name}" for f in needed if f.name in cpuid.ALL and not _has(cpu, f))
    if more and all(_has(f"{cpu.partition(',')[0]},{more}", feature) for feature in needed):
        return f"-cpu {cpu.partition(',')[0]},{more} has it"
    return "no processor of this machine has it"
