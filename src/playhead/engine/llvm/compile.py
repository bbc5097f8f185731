"""LLVM as a compiler: text to an object file. Only what compiles imports this file, and with it LLVM."""

from functools import cache
from typing import NamedTuple

import llvmlite.binding as llvm


class Host(NamedTuple):
    """What machine code is made for, in LLVM's words."""

    triple: str
    cpu: str
    features: str


def host() -> Host:
    """This host."""
    return Host(llvm.get_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


# LLVM 22's fixup-byte-word-insts turns a 16-bit load that is merged into a live register into one that zeroes the upper
# half (`movw mem, %ax` became `movzwl mem, %eax` in the handler of LEAVE with 16-bit operands). It is an optimisation
# only.
LLVM_OPTIONS = ("-fixup-byte-word-insts=0",)


@cache
def _initialize() -> None:
    for option in LLVM_OPTIONS:
        llvm.set_option("playhead", option)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def _initialize_all() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def target_machine(goal: Host | None = None) -> llvm.TargetMachine:
    """Of this host, or of another."""
    _initialize()
    if goal is not None:
        _initialize_all()
    goal = goal or host()
    return llvm.Target.from_triple(goal.triple).create_target_machine(
        cpu=goal.cpu, features=goal.features, opt=2, reloc="pic", codemodel="small")  # fmt: skip


def compile_part(text: str, goal: Host | None = None) -> bytes:
    """LLVM text to an object file, for this host or another."""
    tm = target_machine(goal)
    module = llvm.parse_assembly(text)
    module.verify()
    module.triple = goal.triple if goal else llvm.get_default_triple()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = False
    options.loop_vectorization = False
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(tm, options)
    builder.getModulePassManager().run(module, builder)
    return tm.emit_object(module)
