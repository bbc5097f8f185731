"""LLVM as a compiler: text to an object file for this host. Only what compiles imports this file, and with it LLVM."""

from functools import cache

import llvmlite.binding as llvm


def host() -> tuple[str, str]:
    """The processor and its features, as LLVM names them."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


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


def target_machine() -> llvm.TargetMachine:
    _initialize()
    cpu, features = host()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=2, reloc="pic", codemodel="small")  # fmt: skip


def compile_part(text: str) -> bytes:
    """LLVM text to an object file."""
    tm = target_machine()
    module = llvm.parse_assembly(text)
    module.verify()
    module.triple = llvm.get_default_triple()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = False
    options.loop_vectorization = False
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(tm, options)
    builder.getModulePassManager().run(module, builder)
    return tm.emit_object(module)
