"""A recorded guest on a network: it says hello through an RTL8139, sends back each frame that comes, and ends."""

from __future__ import annotations

from pathlib import Path

from fake_network import Wire
from quiet_host import QuietHost

from playhead.boards.config import PcConfig
from playhead.boards.entry import Entry, Outside
from playhead.boards.pc_devices import parts
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from tools import guest

HELLO = b"\xff" * 6 + bytes.fromhex("525400123456") + b"\x88\xb5" + b"hello".ljust(46)
CREATED, CREATED_NS = "2026-11-28T05:00:00Z", 1_795_842_000_000_000_000
STEP_NS = 2_000_000
HOST_NS = 1_795_842_123_000_000_000
SOURCE = """
        .include "pc.inc"
        .set CARD, 0xC000
        .set RING, 0x200000
        .macro  put size, register, value
        movl    $CARD + \\register, %edx
        movl    \\value, %eax
        .if     \\size == 1
        outb    %al, %dx
        .elseif \\size == 2
        outw    %ax, %dx
        .else
        outl    %eax, %dx
        .endif
        .endm
        .text
main:   movl    $0x80000000, %ebx       # the card's place in PCI
1:      addl    $0x800, %ebx
        movl    $0, %ecx
        call    select
        inl     %dx, %eax
        cmpl    $0x813910EC, %eax
        jne     1b
        movl    $0x10, %ecx
        call    select
        movl    $CARD, %eax
        outl    %eax, %dx
        movl    $4, %ecx
        call    select
        movl    $5, %eax                # ports, and bus mastering
        outw    %ax, %dx
        put     1, 0x37, $0x0C
        put     4, 0x30, $RING
        put     4, 0x44, $0x188F        # all frames; 64 KiB, the last one beyond them
        put     2, 0x38, $0xFFF0
        movl    $hello, %esi
        movl    $0x180000, %edi
        movl    $60, %ecx
        rep movsb
        put     4, 0x20, $0x180000
        put     4, 0x10, $60
        xorl    %esi, %esi              # the place in the ring
        movl    $1, %edi                # the next of the four descriptors
        movl    $FRAMES, %ebp
2:      movl    $CARD + 0x37, %edx
        inb     %dx, %al
        testb   $1, %al
        jnz     2b
        movzwl  RING + 2(%esi), %ecx
        leal    RING + 4(%esi), %ebx
        leal    CARD + 0x20(, %edi, 4), %edx
        movl    %ebx, %eax
        outl    %eax, %dx
        subl    $0x10, %edx
        leal    -4(%ecx), %eax
        outl    %eax, %dx
        incl    %edi
        andl    $3, %edi
        leal    7(%esi, %ecx), %esi
        andl    $0xFFFC, %esi
        leal    -16(%esi), %eax
        movl    $CARD + 0x38, %edx
        outw    %ax, %dx
        decl    %ebp
        jnz     2b
        jmp     pass
select: movl    $0xCF8, %edx            # register CL of the card
        leal    (%ebx, %ecx), %eax
        outl    %eax, %dx
        movl    $0xCFC, %edx
        ret
hello:  .byte   HELLO
"""


class Later(Wire):
    """Frames that come one by one, each 2 ms of the guest's time after the one before."""

    def __init__(self, frames: list[bytes]):
        super().__init__(live=True)
        self.frames, self._due_ns = list(frames), STEP_NS

    def virtual_time(self, ns: int) -> None:
        super().virtual_time(ns)
        while self.frames and ns >= self._due_ns:
            self._due_ns += STEP_NS
            self.arrive(self.frames.pop(0))


def frames(count: int) -> list[bytes]:
    return [HELLO[:14] + b"%03d" % n * (20 + 40 * (n % 12)) for n in range(count)]


def firmware(folder: Path, count: int) -> bytes:
    """It ends when it has got so many frames."""
    source = SOURCE.replace("FRAMES", str(count)).replace("HELLO", ", ".join(map(str, HELLO)))
    return guest.firmware(source, folder)


def config(folder: Path, count: int, **changes) -> PcConfig:
    devices = parts(more=[Entry("rtl8139", "", {"netdev": "lan"})],
                    outside=[Outside("netdev", "lan", {"backend": "socket"})])  # fmt: skip
    return PcConfig(bios=firmware(folder, count), ram_bytes=4 << 20, **devices, **changes)


def record(path: Path, count: int = 24, prepare=lambda session: None, **changes) -> Later:
    """The network, with what the guest sent."""
    pc = config(path.parent, count, **changes)
    meta = {"config": pc.to_json(), "shift": 3, "engine": "native", "program": "playhead test", "created": CREATED}
    options = Options(digest_period=100_000, meta=meta, blobs=tuple(pc.blobs().values()))
    host = QuietHost(ports=1, step_ns=10_000, date=HOST_NS)
    network = host.ends["net0"] = Later(frames(count))
    with Writer(str(path), True) as writer:
        session = RecordSession(lambda door: Machine(pc, door), host, options, writer)
        prepare(session)
        outcome = session.run()
    assert outcome.cause == "guest-shutdown" and not network.frames, outcome
    return network
