"""The command line: `playhead VERB ...`. Each verb is a file with `OPTIONS`, `HELP` and `main(words) -> exit status`.

Exit status: 0, or what the guest asked for; 1 a replay diverged; 2 wrong usage, a refusal of the host, a damaged
file; 3 a bug of ours; 130 interrupted. Nothing heavy is imported before it is needed.
"""

import errno
import importlib
import os
import sys
from collections.abc import Callable

VERBS = {
    "run": "run a machine",
    "record": "run a machine and record it",
    "replay": "run a recording again, exactly, and compare",
    "debug": "debug a recording with gdb or at a prompt, forwards and backwards",
    "branch": "continue live from a moment of a recording",
    "who": "find the instruction or device that last wrote some bytes",
    "taint": "follow bytes from an input to what they reach, or back to where they came from",
    "diff": "find where two recordings of the same start part",
    "coverage": "show which code was executed, and how often",
    "callgraph": "show which functions called which, and what that took",
    "verify": "check a recording without running it",
    "trim": "cut out a part of a recording that replays alone",
    "info": "show what a recording holds",
    "symbols": "write the symbols of a recorded Linux kernel, for gdb",
    "processes": "list the processes of a recorded Linux guest",
    "dmesg": "print the log of a recorded Linux kernel",
    "syscalls": "print the system calls of a recorded Linux guest",
    "console": "print what the guest printed, without a replay",
    "type": "type a text into a machine that runs",
    "shot": "show the screen of a recording at a moment",
    "film": "make a film of the screen of a recording",
    "sound": "write what a recorded machine played as a sound file",
    "pcap": "write the network traffic of a recording for Wireshark",
    "log": "print the events of a recording",
    "cache": "show or clear the cache folder",
    "demo": "record a guest twice and replay it, to see that it works here",
    "completion": "print what makes a shell complete these command lines",
    "man": "print the manual page",
}

USAGE = """usage: playhead VERB ...

A PC in software, recorded once and replayed exactly.

{verbs}

playhead help VERB says more. For a start:
  playhead record -o boot.ph -kernel vmlinuz -initrd initrd -append console=ttyS0 -nographic
  playhead replay boot.ph
"""


def main(words: list[str] | None = None) -> int:
    """Run one command; never raises, and never shows a traceback unless PLAYHEAD_DEBUG is set."""
    from playhead.host import streams

    streams.prepare()
    return streams.finish(status_of(lambda: _verb(sys.argv[1:] if words is None else words)))


def status_of(run: Callable[[], int]) -> int:
    """The exit status of a program's main part; what it raises becomes one line."""
    from playhead.base.errors import PlayheadError
    from playhead.base.messages import tell

    try:
        return run()
    except PlayheadError as e:
        _flush()
        tell(*map(str, e.args))
        return e.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0  # the reader of our output has gone
    except Exception as e:
        if isinstance(e, MemoryError) or (isinstance(e, OSError) and e.errno == errno.ENOMEM):
            tell("there is not enough memory on this host")
            return 2
        if os.environ.get("PLAYHEAD_DEBUG"):
            raise
        first = str(e).strip().split("\n")[0]
        kind = e.__class__.__name__  # a verb's module, once imported, hides `type` here
        tell(f"this is a bug: {kind}: {first} (PLAYHEAD_DEBUG=1 shows where)")
        return 3


def _flush() -> None:
    """What was printed comes before the complaint. If it cannot be written, the complaint matters more."""
    from playhead.base.errors import HostError

    try:
        sys.stdout.flush()
    except (HostError, BrokenPipeError):
        pass


def _verb(words: list[str]) -> int:
    from playhead.base.errors import UsageError
    from playhead.cli.options import nearest

    if words[:1] == ["help"] and len(words) > 1:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("--help", "-help", "-h", "help"):
        print(USAGE.format(verbs="\n".join(f"  {name:<11}{what}" for name, what in VERBS.items())), end="")
        return 0 if words else 2
    verb, rest = words[0], words[1:]
    if verb in ("--version", "-version"):
        from playhead.version import __version__

        print(f"playhead {__version__}")
        return 0
    if verb not in VERBS:
        raise UsageError(f"unknown verb '{verb}'{nearest(verb, VERBS) or '; there are ' + ', '.join(VERBS)}")
    module = importlib.import_module(f"playhead.cli.{verb}")
    return unless_help(lambda: int(module.main(rest)), module.help)


def unless_help(run: Callable[[], int], help: Callable[[], str]) -> int:
    """Run it, or print what its words ask for instead."""
    from playhead.cli.options import HelpWanted, Listed

    try:
        return run()
    except HelpWanted:
        print(help(), end="")
    except Listed as e:
        print(e)
    return 0
