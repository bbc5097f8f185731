"""Words of host memory, the arrays beside the state block, and calls that catch, for routines in the IR."""

from playhead.x86 import state as S


def host(m, address, bits):
    return m.item("host", address, bits)


def set_host(m, address, bits, value):
    m.set_item("host", address, bits, value)


def pointer(m, region: str):
    return m.ld("ptr", S.REGIONS[region])


def catch(m, name: str, *args):
    """Call a routine and get 1 (32 bits) if it raised or could not finish."""
    from playhead.x86.table import ROUTINES

    values = [m.value(a, bits) for a, bits in zip(args, ROUTINES[name].params, strict=True)]
    return m.call("r_" + name, *values, faults="catch").trunc(32)
