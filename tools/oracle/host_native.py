"""The native half of the host oracle: one signal handler, emitted by LLVM, that is the loop over the cases.

A case ends in a signal, because whatever ends it traps: the int3 after the code, a fault, a single step, the timer.
The handler copies the state out of the `ucontext` and from the fixed memory into a result, then writes the next
case into both, and returns: the kernel's own rt_sigreturn loads every register, the flags, the FPU and CS:EIP/SS:ESP,
also a 16-bit stack segment exactly (a plain `iret` of ours would leak the upper half of esp). So a case costs one
signal and no trampoline. The first case is entered from an int3 in `run_batch`, whose context is put back at the end.

Neither FS (the thread pointer) nor the flags AC, NT and ID are Linux's while a case runs: the handler touches no
thread-local storage, calls nothing but the kernel, and clears those flags before its first memory access.

Offsets are those of Linux x86-64: `struct ucontext`, `struct sigcontext` (arch/x86/include/uapi/asm/sigcontext.h).
"""

from collections.abc import Callable
from contextlib import contextmanager

import llvmlite.binding as llvm
from llvmlite import ir
from tools.oracle import layout
from tools.oracle.case import AC, FX_SIZE, ID, NT
from tools.oracle.host_wire import CASE, DESCRIPTOR, PATCH, REGS, RESULT, WORD

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))

# struct ucontext: general registers are 8 bytes each from offset 40.
UC_GREGS, UC_GREGS_SIZE = 40, 23 * 8
UC_REGS = (144, 152, 136, 128, 160, 120, 112, 104)  # rax rcx rdx rbx rsp rbp rsi rdi
UC_RIP, UC_EFLAGS, UC_CS, UC_SS, UC_ERR, UC_TRAPNO, UC_CR2, UC_FPSTATE = 168, 176, 184, 190, 192, 200, 216, 224
FP_MAGIC, FP_XSTATE_BV, FP_MAGIC1 = 464, 512, 0x46505853
FP_LEGACY_SIZE = 416  # of FXSAVE: up to the last XMM register

SIGTRAP, SIGVTALRM = 5, 26
SYS_MODIFY_LDT, SYS_ARCH_PRCTL, SYS_EXIT_GROUP = 154, 158, 231
ARCH_SET_FS, ARCH_GET_FS = 0x1002, 0x1003

# The control block: 8-byte fields, shared with the child process's Python.
CONTROL = (
    "active",  # 1 while cases run
    "index",  # cases ended in this batch
    "remaining",  # cases to come
    "ticked",  # value of `index` at the last tick of the timer
    "input",  # next packed case
    "output",  # next packed result
    "output_end",  # a case is not started unless its largest result fits before this
    "live",  # alias of the fixed memory, all windows in a row, writable
    "initial",  # the same before the case ran
    "pristine",  # the background
    "fx_initial",  # 512 bytes: the FPU of a case without fx
    "has_fx",  # of the running case
    "patches",  # of the running case: address of its patch records
    "patch_count",
    "saved_fs_base",
    "saved_segments",  # ds es fs gs, 16 bits each
    "saved_gregs",  # first of UC_GREGS_SIZE bytes; must stay last
)
CONTROL_SIZE = 8 * len(CONTROL) + UC_GREGS_SIZE

RESULT_MAX = RESULT.size + FX_SIZE + layout.IMAGE_SIZE // 8 * WORD.size

DATA_SEGMENTS = ("ds", "es", "fs", "gs")  # the kernel leaves these alone at a signal; cs and ss are in the ucontext


class Emit:
    """A few words over llvmlite's builder: every value is an i64, addresses too."""

    def __init__(self, function: ir.Function) -> None:
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.function = function

    def const(self, value: int) -> ir.Value:
        return ir.Constant(I64, value & (1 << 64) - 1)

    def value(self, value: ir.Value | int) -> ir.Value:
        return self.const(value) if isinstance(value, int) else value

    def add(self, a: ir.Value | int, b: ir.Value | int) -> ir.Value:
        return self.builder.add(self.value(a), self.value(b))

    def load(self, address: ir.Value | int, offset: int = 0, bits: int = 64) -> ir.Value:
        pointer = self.builder.inttoptr(self.add(address, offset), ir.PointerType())
        value = self.builder.load(pointer, typ=ir.IntType(bits))
        value.align = 1
        return value if bits == 64 else self.builder.zext(value, I64)

    def store(self, address: ir.Value | int, offset: int, value: ir.Value | int, bits: int = 64) -> None:
        pointer = self.builder.inttoptr(self.add(address, offset), ir.PointerType())
        narrow = self.value(value) if bits == 64 else self.builder.trunc(self.value(value), ir.IntType(bits))
        self.builder.store(narrow, pointer).align = 1

    def asm(self, text: str, constraints: str, *args: ir.Value | int, result: ir.Type | None = None) -> ir.Value:
        values = [self.value(arg) for arg in args]
        function = ir.FunctionType(result or ir.VoidType(), [value.type for value in values])
        return self.builder.call(ir.InlineAsm(function, text, constraints, True), values)

    def copy(self, target: ir.Value | int, source: ir.Value | int, size: ir.Value | int) -> None:
        outputs = ir.LiteralStructType([I64, I64, I64])
        self.asm("rep movsb", "={di},={si},={cx},0,1,2,~{memory}", target, source, size, result=outputs)

    def syscall(self, number: int, *args: ir.Value | int) -> None:
        a, b, c = (*args, 0, 0, 0)[:3]
        self.asm("syscall", "={ax},0,{di},{si},{dx},~{rcx},~{r11},~{memory}", number, a, b, c, result=I64)

    def segment(self, name: str) -> ir.Value:
        return self.builder.and_(self.asm(f"mov %{name}, $0", "=r,~{memory}", result=I64), self.const(0xFFFF))

    def set_segment(self, name: str, selector: ir.Value | int) -> None:
        self.asm(f"mov ${{0:w}}, %{name}", "r,~{memory}", selector)

    def variable(self, value: ir.Value | int) -> ir.Value:
        with self.builder.goto_entry_block():
            slot = self.builder.alloca(I64)
        self.builder.store(self.value(value), slot)
        return slot

    def get(self, slot: ir.Value) -> ir.Value:
        return self.builder.load(slot, typ=I64)

    def set(self, slot: ir.Value, value: ir.Value | int) -> None:
        self.builder.store(self.value(value), slot)

    def test(self, comparison: str, a: ir.Value | int, b: ir.Value | int) -> ir.Value:
        return self.builder.icmp_unsigned(comparison, self.value(a), self.value(b))

    @contextmanager
    def loop(self, condition: Callable[[], ir.Value]):
        """while condition(): body"""
        head, body, done = (self.function.append_basic_block() for _ in range(3))
        self.builder.branch(head)
        self.builder.position_at_end(head)
        self.builder.cbranch(condition(), body, done)
        self.builder.position_at_end(body)
        yield
        self.builder.branch(head)
        self.builder.position_at_end(done)

    @contextmanager
    def count(self, times: ir.Value | int):
        """for i in range(times): body"""
        i = self.variable(0)
        with self.loop(lambda: self.test("!=", self.get(i), times)):
            yield self.get(i)
            self.set(i, self.add(self.get(i), 1))


class Handler(Emit):
    """The pieces of the handler, over the control block and the ucontext."""

    control: ir.Value
    context: ir.Value

    def field(self, name: str) -> ir.Value:
        return self.load(self.control, 8 * CONTROL.index(name))

    def set_field(self, name: str, value: ir.Value | int) -> None:
        self.store(self.control, 8 * CONTROL.index(name), value)

    def field_address(self, name: str) -> ir.Value:
        return self.add(self.control, 8 * CONTROL.index(name))

    # -- between cases

    def begin(self) -> None:
        """Keep the context of run_batch."""
        self.copy(self.field_address("saved_gregs"), self.add(self.context, UC_GREGS), UC_GREGS_SIZE)
        self.syscall(SYS_ARCH_PRCTL, ARCH_GET_FS, self.field_address("saved_fs_base"))
        for i, name in enumerate(DATA_SEGMENTS):
            self.store(self.field_address("saved_segments"), 2 * i, self.segment(name), 16)
        self.set_field("active", 1)

    def end(self) -> None:
        """Put the context of run_batch back, with a fresh FPU."""
        self.copy(self.add(self.context, UC_GREGS), self.field_address("saved_gregs"), UC_GREGS_SIZE)
        self.load_fpu(self.field("fx_initial"))
        for i, name in enumerate(DATA_SEGMENTS):
            self.set_segment(name, self.load(self.field_address("saved_segments"), 2 * i, 16))
        self.syscall(SYS_ARCH_PRCTL, ARCH_SET_FS, self.field("saved_fs_base"))
        self.set_field("active", 0)

    def load_fpu(self, image: ir.Value) -> None:
        frame = self.load(self.context, UC_FPSTATE)
        self.copy(frame, image, 28)  # not MXCSR_MASK
        self.copy(self.add(frame, 32), self.add(image, 32), FP_LEGACY_SIZE - 32)
        with self.builder.if_then(self.test("==", self.load(frame, FP_MAGIC, 32), FP_MAGIC1)):
            present = self.load(frame, FP_XSTATE_BV)
            self.store(frame, FP_XSTATE_BV, self.builder.or_(present, self.const(3)))

    # -- a case comes

    def load_case(self) -> None:
        case = self.field("input")
        patches = self.add(case, CASE.size)
        self.set_field("patches", patches)
        self.set_field("patch_count", self.load(case, CASE.offset["patches"], 32))
        cursor = self.variable(patches)
        self.apply_patches(cursor, lambda patch: self.add(patch, PATCH.size))
        self.load_segments(case, cursor)
        self.load_registers(case)
        self.set_field("has_fx", self.load(case, CASE.offset["has_fx"], 32))
        fpu = self.variable(self.field("fx_initial"))
        with self.builder.if_then(self.test("!=", self.field("has_fx"), 0)):
            self.set(fpu, self.get(cursor))
            self.set(cursor, self.add(self.get(cursor), 512))
        self.load_fpu(self.get(fpu))
        self.set_field("input", self.get(cursor))

    def apply_patches(self, cursor: ir.Value, source_of: Callable[[ir.Value], ir.Value] | None) -> None:
        """Write the running case's patches into both images; without a source, the background in their place."""
        with self.count(self.field("patch_count")):
            patch = self.get(cursor)
            offset, length = (self.load(patch, PATCH.offset[name], 32) for name in ("offset", "size"))
            source = source_of(patch) if source_of else self.add(self.field("pristine"), offset)
            self.copy(self.add(self.field("live"), offset), source, length)
            self.copy(self.add(self.field("initial"), offset), source, length)
            padded = self.builder.and_(self.add(length, 7), self.const(-8))
            self.set(cursor, self.add(self.add(patch, PATCH.size), padded))

    def load_segments(self, case: ir.Value, cursor: ir.Value) -> None:
        """LDT changes, then ds es fs gs; a register that holds an LDT selector is always loaded anew."""
        changes = self.load(case, CASE.offset["descriptors"], 32)
        with self.builder.if_then(self.test("!=", changes, 0)):
            for name in DATA_SEGMENTS:
                self.set_segment(name, layout.DATA_SELECTOR)
        with self.count(changes):
            self.syscall(SYS_MODIFY_LDT, 0x11, self.get(cursor), DESCRIPTOR.size)
            self.set(cursor, self.add(self.get(cursor), DESCRIPTOR.size))
        for name in DATA_SEGMENTS:
            wanted = self.load(case, CASE.offset[name], 16)
            different = self.test("!=", self.segment(name), wanted)
            local = self.test("!=", self.builder.and_(wanted, self.const(4)), 0)
            with self.builder.if_then(self.builder.or_(different, local)):
                self.set_segment(name, wanted)

    def load_registers(self, case: ir.Value) -> None:
        for name, offset in zip(REGS, UC_REGS, strict=True):
            self.store(self.context, offset, self.load(case, CASE.offset[name], 32))
        self.store(self.context, UC_RIP, self.load(case, CASE.offset["eip"], 32))
        self.store(self.context, UC_EFLAGS, self.load(case, CASE.offset["eflags"], 32))
        self.store(self.context, UC_CS, self.load(case, CASE.offset["cs"], 16), 16)
        self.store(self.context, UC_SS, self.load(case, CASE.offset["ss"], 16), 16)

    def keep_sticky_flags(self) -> None:
        """rt_sigreturn takes NT and ID from the live flags, not from the ucontext."""
        sticky = self.builder.and_(self.load(self.context, UC_EFLAGS), self.const(NT | ID))
        self.asm("pushfq; orq $0, (%rsp); popfq", "r,~{memory},~{cc}", sticky)

    # -- a case ends

    def save_result(self, signal: ir.Value) -> None:
        result = self.field("output")
        self.store(result, RESULT.offset["signal"], signal, 32)
        sources = {"trapno": UC_TRAPNO, "err": UC_ERR, "cr2": UC_CR2, "eip": UC_RIP, "eflags": UC_EFLAGS}
        for name, source in (sources | dict(zip(REGS, UC_REGS, strict=True))).items():
            self.store(result, RESULT.offset[name], self.load(self.context, source, 32), 32)
        self.store(result, RESULT.offset["cs"], self.load(self.context, UC_CS, 16), 16)
        self.store(result, RESULT.offset["ss"], self.load(self.context, UC_SS, 16), 16)
        for name in DATA_SEGMENTS:
            self.store(result, RESULT.offset[name], self.segment(name), 16)
        end = self.variable(self.add(result, RESULT.size))
        self.store(result, RESULT.offset["has_fx"], self.field("has_fx"), 32)
        with self.builder.if_then(self.test("!=", self.field("has_fx"), 0)):
            self.copy(self.get(end), self.load(self.context, UC_FPSTATE), FX_SIZE)
            self.set(end, self.add(self.get(end), FX_SIZE))
        words = self.get(end)
        for window in layout.WINDOWS:
            if window.writable:
                self.save_changes(window, end)
        size = self.builder.sub(self.get(end), words)
        self.store(result, RESULT.offset["words"], self.builder.udiv(size, self.const(WORD.size)), 32)
        self.set_field("output", self.get(end))

    BLOCK = 512  # bytes compared at once

    def save_changes(self, window: layout.Window, end: ir.Value) -> None:
        """Append the words of a window that changed, and make it initial again."""
        live = self.add(self.field("live"), window.offset)
        initial = self.add(self.field("initial"), window.offset)
        with self.count(window.size // self.BLOCK) as i:
            offset = self.builder.mul(i, self.const(self.BLOCK))
            live_block, initial_block = self.add(live, offset), self.add(initial, offset)
            differs = self.differs(live_block, initial_block)
            with self.builder.if_then(differs, likely=False), self.count(self.BLOCK // 8) as j:
                at = self.builder.mul(j, self.const(8))
                live_word, initial_word = self.add(live_block, at), self.add(initial_block, at)
                value, before = self.load(live_word), self.load(initial_word)
                with self.builder.if_then(self.test("!=", value, before)):
                    address = self.add(self.add(offset, at), window.base)
                    self.store(self.get(end), WORD.offset["address"], address, 32)
                    self.store(self.get(end), WORD.offset["value"], value)
                    self.set(end, self.add(self.get(end), WORD.size))
                    self.store(live_word, 0, before)

    def differs(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """Whether two blocks differ; in vectors, since nearly all blocks are equal and this is most of the handler."""
        vector = ir.VectorType(I64, 4)
        total = None
        for offset in range(0, self.BLOCK, 32):
            sides = []
            for base in (a, b):
                pointer = self.builder.inttoptr(self.add(base, offset), ir.PointerType())
                sides.append(self.builder.load(pointer, typ=vector))
                sides[-1].align = 1
            difference = self.builder.xor(*sides)
            total = difference if total is None else self.builder.or_(total, difference)
        whole = self.builder.bitcast(total, ir.IntType(256))
        return self.builder.icmp_unsigned("!=", whole, ir.Constant(whole.type, 0))

    def revert_patches(self) -> None:
        self.apply_patches(self.variable(self.field("patches")), None)


def build_module() -> ir.Module:
    module = ir.Module("playhead_host_oracle")
    module.triple = llvm.get_process_triple()
    control = ir.GlobalVariable(module, I64, "control")
    control.initializer = ir.Constant(I64, 0)
    _emit_run_batch(module)
    _emit_on_signal(module, control)
    return module


def _function(module: ir.Module, name: str, *args: ir.Type) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), args), name)
    for attribute in ("nounwind", "noinline", "noredzone"):  # inline asm pushes flags
        function.attributes.add(attribute)
    return function


def _emit_run_batch(module: ir.Module) -> None:
    emit = Emit(_function(module, "run_batch"))
    vectors = ",".join(f"~{{xmm{i}}}" for i in range(16))
    emit.asm("int3", f"{vectors},~{{memory}},~{{cc}},~{{fpsr}}")
    emit.builder.ret_void()


def _emit_on_signal(module: ir.Module, control: ir.GlobalVariable) -> None:
    function = _function(module, "on_signal", I32, I64, I64)
    emit = Handler(function)
    builder = emit.builder
    emit.asm(f"pushfq; andq $$~{AC | NT | ID:#x}, (%rsp); popfq", "~{memory},~{cc}")
    signal = builder.zext(function.args[0], I64)
    emit.control, emit.context = emit.load(builder.ptrtoint(control, I64)), function.args[2]
    is_tick = emit.test("==", signal, SIGVTALRM)
    running = emit.test("!=", emit.field("active"), 0)
    with builder.if_then(is_tick):
        stuck = emit.test("==", emit.field("ticked"), emit.field("index"))
        with builder.if_then(builder.not_(builder.and_(running, stuck))):
            emit.set_field("ticked", emit.field("index"))
            emit.keep_sticky_flags()
            builder.ret_void()
    with builder.if_else(running) as (then, otherwise):
        with then:
            emit.save_result(signal)
            emit.revert_patches()
            emit.set_field("index", emit.add(emit.field("index"), 1))
            emit.set_field("remaining", emit.add(emit.field("remaining"), -1))
        with otherwise:
            with builder.if_then(emit.test("!=", signal, SIGTRAP)):
                emit.syscall(SYS_EXIT_GROUP, 120)  # a fault of our own
            emit.begin()
    full = emit.test("<", emit.field("output_end"), emit.add(emit.field("output"), RESULT_MAX))
    finished = builder.or_(emit.test("==", emit.field("remaining"), 0), full)
    with builder.if_else(finished) as (then, otherwise):
        with then:
            emit.end()
        with otherwise:
            emit.load_case()
            emit.keep_sticky_flags()
    builder.ret_void()


class NativeCode:
    """The two functions, compiled into this process; the engine keeps the memory alive."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.initialize_native_asmparser()  # inline asm
        features = ",".join(name for name in ("+sse4.1", "+avx") if llvm.get_host_cpu_features().get(name[1:]))
        machine = llvm.Target.from_default_triple().create_target_machine(opt=2, jit=True, features=features)
        module = llvm.parse_assembly(str(build_module()))
        module.verify()
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
        builder.getModulePassManager().run(module, builder)
        self.engine = llvm.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        self.run_batch = self.engine.get_function_address("run_batch")
        self.on_signal = self.engine.get_function_address("on_signal")
        self.control = self.engine.get_global_value_address("control")
