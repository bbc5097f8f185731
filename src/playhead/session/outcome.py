"""How a run ended, and the options of a live session."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playhead.session.snapshots import Saved

DIGEST_PERIOD = 8_000_000  # instructions; each digest takes 0.3 ms: about 1 % of a boot at 280 MIPS


@dataclass
class Outcome:
    """The end of a run. `cause` is in the words of `log.causes`; `status` is what the guest asked to exit with."""

    cause: str
    status: int
    icount: int
    seq: int
    virtual_ns: int
    wall_ns: int
    note: str = ""  # for the user, where the cause alone does not say it
    events: int = 0
    digests: int = 0  # compared or stored
    complete: bool = True  # a replay: the whole recording, which ended properly


@dataclass
class Options:
    """Options of a live session. A replay needs none of them: whatever they change is logged."""

    sleep: bool = True  # a halted CPU waits in real time while input may come
    auto_shift: bool = False
    shift: int = 3
    no_reboot: bool = False
    trace_events: bool = False  # record interrupts and exceptions too
    silent_hint: str = ""  # shown when the guest prints nothing for long
    digest_period: int = DIGEST_PERIOD
    begin: "Saved | None" = None  # the state to begin in
    snapshot: str = ""  # a name for the recording's first moment
    checkpoints: bool = True  # keep the machine's state in the recording now and then
    embed: bool = True  # keep what the guest reads of its disks, not only hashes
    meta: dict = field(default_factory=dict)  # stored with a recording
    blobs: tuple[bytes, ...] = ()  # likewise: what meta refers to by hash
