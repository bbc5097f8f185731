"""The human monitor: all commands that a machine's monitor has, live, in a recording and in a replay, in QEMU's words.

`playhead debug`'s prompt has gdb's words in front of these (`moving`, `looking`, `replaying`).
"""

from playhead.monitor import (
    devices, drives, elf_core, facts, interrupts, keys, log_commands, memory, memory_map, network, ports, processor,
    refusals, running, screen, vnc,
)  # fmt: skip
from playhead.monitor.commands import LIVE, Command, Monitor
from playhead.monitor.memory import Format
from playhead.timeline.debuggee import Debuggee

GROUPS = (
    ("Running, snapshots, moments", running.commands),
    ("The processor", processor.commands),
    ("The machine's devices", devices.commands),
    ("Interrupts", interrupts.commands),
    ("What is where", memory_map.commands),
    ("Drives", drives.commands),
    ("The network", network.commands),
    ("Keyboard and mouse", keys.commands),
    ("The screen", screen.commands),
    ("VNC", vnc.commands),
    ("Core files", elf_core.commands),
    ("The log", log_commands.commands),
    ("About the program and the machine", facts.commands),
)


def groups(target: Debuggee) -> list[tuple[str, tuple[Command, ...]]]:
    """By what they are for."""
    form = Format()  # which `x`, `print` and `i` share
    looking = memory.commands(target, form) + ports.commands(target, form)
    return [*((title, make(target)) for title, make in GROUPS), ("Memory and ports", looking)]


def commands(target: Debuggee) -> tuple[Command, ...]:
    """All of them, those that are refused everywhere too."""
    return (*(one for _, group in groups(target) for one in group), *refusals.commands())


def context(mode: str) -> str:
    """Where the monitor of a machine of this `Control.mode` is: one of `commands.CONTEXTS`."""
    return running.CONTEXT.get(mode, LIVE)


def monitor(target: Debuggee) -> Monitor:
    return Monitor(commands(target), context(target.mode))
