"""Units to machine code: position-independent bytes that need nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence

import llvmlite.binding as llvm

from playhead.engine.llvm.compile import Host, target_machine
from playhead.engine.llvm.tier2.steps import NotCompilable
from playhead.engine.llvm.tier2.text import FOOTER
from playhead.engine.llvm.tier2.translate import translate
from playhead.engine.llvm.tier2.unit import Region, Unit


def compile_units(units: Sequence[Unit | Region]) -> list[bytes | None]:
    """The code of each unit, entered at its first byte; None where nothing can be compiled."""
    texts: dict[str, str] = {}
    for n, unit in enumerate(units):
        try:
            texts[f"u{n}"] = translate(unit, f"u{n}")
        except NotCompilable:
            pass
    found = functions(compile_text("".join(texts.values()) + FOOTER)) if texts else {}
    return [found.get(f"u{n}") for n in range(len(units))]


def functions(data: bytes) -> dict[str, bytes]:
    """The functions of an object file, each of which has a section of its own, without those that need anything from
    outside of it."""
    sections = llvm.ObjectFileRef.from_data(data).sections()
    found, needy = {}, set()
    for section in sections:
        name = (section.name() or b"").decode()
        if name.startswith(".rela."):
            needy.add(name.removeprefix(".rela."))
        elif section.is_text() and section.size():
            found[name.removeprefix(".")] = section.data()
    return {name: code for name, code in found.items() if name not in needy}


def compile_text(text: str, goal: Host | None = None) -> bytes:
    """LLVM text to an object file, for this host or another."""
    machine = target_machine(goal)
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    manager = llvm.create_new_module_pass_manager()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    manager.run(module, builder)
    return machine.emit_object(module)
