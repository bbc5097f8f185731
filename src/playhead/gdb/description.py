"""The target description: the XML documents from which gdb learns what registers there are, made from the table.

`target.xml` includes one file for each feature. Unlike the built-in i386 description, it has no SSE registers, since
the processor has none: gdb then shows none. Source: gdb manual, appendix G "Target Descriptions".

The element `<architecture>` is for lldb alone, which needs it to know what it is attached to. gdb recognises an i386 by
the registers; told the architecture as well, gdb 13 keeps decoding 32-bit code after `set architecture i8086`.
"""

from playhead.gdb.registers import CORE, FLAGS, REGISTERS, SYSTEM

_FILES = {CORE: "i386-core.xml", SYSTEM: "i386-system.xml"}


def documents(architecture: bool) -> dict[str, bytes]:
    """Every document that qXfer:features:read can be asked for, by its name (the annex). `architecture`: with the
    element of that name."""
    return {"target.xml": _target(architecture), **{name: _feature(feature) for feature, name in _FILES.items()}}


def _target(architecture: bool) -> bytes:
    element = "  <architecture>i386</architecture>\n" if architecture else ""
    includes = "".join(f'  <xi:include href="{name}"/>\n' for name in _FILES.values())
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n'
        '<target version="1.0" xmlns:xi="http://www.w3.org/2001/XInclude">\n'
        f"{element}{includes}</target>\n"
    ).encode()


def _feature(feature: str) -> bytes:
    registers = [(number, r) for number, r in enumerate(REGISTERS) if r.feature == feature]
    used = {r.type for _, r in registers}
    lines = [line for name, fields in FLAGS.items() if name in used for line in _flags(name, fields)]
    for number, r in registers:
        saved = "" if r.saved else ' save-restore="no"'
        lines.append(
            f'  <reg name="{r.name}" bitsize="{r.bits}" regnum="{number}" type="{r.type}" group="{r.group}"{saved}/>'
        )
    return "\n".join(
        (
            '<?xml version="1.0"?>',
            '<!DOCTYPE feature SYSTEM "gdb-target.dtd">',
            f'<feature name="{feature}">',
            *lines,
            "</feature>\n",
        )
    ).encode()


def _flags(name: str, fields: dict[str, int | tuple[int, int]]) -> list[str]:
    lines = [f'  <flags id="{name}" size="4">']
    for field, bits in fields.items():
        first, last = (bits, bits) if isinstance(bits, int) else bits
        lines.append(f'    <field name="{field}" start="{first}" end="{last}"/>')
    return [*lines, "  </flags>"]
