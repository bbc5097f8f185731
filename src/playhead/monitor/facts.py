"""`info` words about the program and the machine as a whole: version, name, character devices, what is not there."""

from collections.abc import Callable

from playhead.base.messages import shown
from playhead.monitor.commands import Command, Say
from playhead.timeline.debuggee import Debuggee
from playhead.timeline.outside import NO_UUID

NONE = (  # words whose honest answer is that there is none: (name, help, QEMU's line for it)
    ("iothreads", "show iothreads", ""),
    ("memory-devices", "show memory devices", ""),
    ("numa", "show NUMA information", "0 nodes"),
    ("kvm", "show KVM information", "kvm support: disabled"),
    ("tpm", "show the TPM device", ""),
    ("capture", "show capture information", ""),
    ("block-jobs", "show progress of ongoing block device operations", "No active jobs"),
    ("spice", "show the spice server status", "Server: disabled"),
    ("migrate", "show migration status", ""),
    ("virtio", "list all available virtio devices", ""),
)


def commands(target: Debuggee) -> tuple[Command, ...]:
    facts = Facts(target)
    return (
        Command(("info version",), "", "show the version", facts.version),
        Command(("info name",), "", "show the current VM name", facts.name),
        Command(("info uuid",), "", "show the current VM UUID", facts.uuid),
        Command(("info chardev",), "", "show the character devices", facts.chardev),
        Command(("info jit",), "", "show what executes instructions", facts.engine),
        Command(("info mice",), "", "show which guest mouse is receiving events", facts.mice),
        Command(("info memdev",), "", "show memory backends", facts.memory),
        Command(("info hotpluggable-cpus",), "", "show the processors", facts.processors),
        *(Command((f"info {name}",), "", help, _says(line)) for name, help, line in NONE),
    )


def _says(line: str) -> Callable[[list[str], Say], None]:
    def run(words: list[str], say: Say) -> None:
        if line:
            say(line)

    return run


class Facts:
    def __init__(self, target: Debuggee):
        self._target = target

    def version(self, words: list[str], say: Say) -> None:
        from playhead.version import __version__

        say(f"{__version__} (Playhead; commands and output as those of QEMU 7.2)")

    def name(self, words: list[str], say: Say) -> None:
        if self._target.outside.name:
            say(shown(self._target.outside.name))

    def uuid(self, words: list[str], say: Say) -> None:
        say(self._target.machine.config.uuid or NO_UUID)

    def chardev(self, words: list[str], say: Say) -> None:
        for label, where in self._target.outside.chardevs():
            say(f"{label}: filename={shown(where)}")

    def engine(self, words: list[str], say: Say) -> None:
        machine = self._target.machine
        what = "threaded code without a translator" if machine.engine_name == "native" else "Python"
        say(f"engine {machine.engine_name} ({what}); there is no just-in-time compiler")
        say(f"instructions: {machine.icount}, shift {machine.core.get('shift')}")

    def mice(self, words: list[str], say: Say) -> None:
        found = self._target.mice()
        if not found:
            say("No mouse devices connected")
        for mouse in found:
            say(f"{'*' if mouse.current else ' '} Mouse #{mouse.number}: {mouse.name}")

    def memory(self, words: list[str], say: Say) -> None:
        say("memory backend: pc.ram")
        say(f"  size:  {self._target.machine.config.ram_bytes}")

    def processors(self, words: list[str], say: Say) -> None:
        say("Hotpluggable CPUs:")
        say(f'  type: "{shown(self._target.machine.config.cpu)}"')
        say('  vcpus_count: "1"')
