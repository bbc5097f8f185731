"""Keyboard and mouse beside QEMU's: each key in each set of scan codes, and a mouse's packets, byte for byte.

QEMU's controller is talked to through its monitor; its processor runs a loop meanwhile.
"""

import json
import re
import shutil
import subprocess

import pytest

from playhead.devices.input.i8042_kbc import I8042
from playhead.hw.line import Line
from playhead.log.event_names import KEYS
from playhead.session import input_words

QEMU = "qemu-system-i386"
pytestmark = pytest.mark.skipif(shutil.which(QEMU) is None, reason="no qemu-system-i386")
LOOP = bytes(0xFFF0) + b"\xeb\xfe".ljust(16, b"\0")
OURS = ("lang1", "lang2")  # which send what the data sheet says
HELD = ("ctrl", "ctrl_r", "shift", "alt", "alt_r")


class Qemu:
    def __init__(self, tmp_path):
        (tmp_path / "loop.bin").write_bytes(LOOP)
        machine = ["-accel", "tcg", "-nodefaults", "-display", "none", "-bios", tmp_path / "loop.bin"]
        line = [QEMU, *machine, "-qmp", "stdio"]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.process.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        while "return" not in (answer := json.loads(self.process.stdout.readline())):
            assert "error" not in answer, answer
        return answer["return"]

    def inb(self, port):
        said = self.ask("human-monitor-command", **{"command-line": f"i /b {port:#x}"})
        return int(re.search(r"= 0x([0-9a-f]+)", said)[1], 16)

    def outb(self, port, value):
        self.ask("human-monitor-command", **{"command-line": f"o /b {port:#x} {value:#x}"})

    def send(self, *events):
        self.ask("input-send-event", events=list(events))


class Ours:
    def __init__(self, world):
        self.chip = I8042("kbc", world.io, Line("irq1"), Line("irq12"), Line("a20"), world)
        self.inb, self.outb = world.inb, world.outb

    def send(self, *events):
        for what in input_words.qmp_events(events):
            receiver = next(one for one in self.chip.receivers if type(what) in one.TAKES)
            receiver.take(what)
        for receiver in self.chip.receivers:
            receiver.sync()


@pytest.fixture
def pair(world, tmp_path):
    qemu = Qemu(tmp_path)
    yield qemu, Ours(world)
    qemu.process.kill()
    qemu.process.communicate()


def key(name, down):
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}


def drain(one):
    out = []
    while one.inb(0x64) & 1:
        out.append(one.inb(0x60))
    return bytes(out).hex()


@pytest.mark.parametrize("scan_set", [1, 2, 3])
def test_each_key_in_each_set(pair, scan_set):
    found = []
    for one in pair:
        one.outb(0x64, 0x60), one.outb(0x60, 0)  # no translation
        one.outb(0x60, 0xF0), drain(one), one.outb(0x60, scan_set), drain(one)
        codes = {}
        for name in [name for name in KEYS[1:] if name not in OURS]:
            for down in (True, False):
                one.send(key(name, down))
                codes[name, down] = drain(one)
        for held in HELD:
            for name in ("print", "pause", "sysrq"):
                one.send(key(held, True)), drain(one)
                for down in (True, False):
                    one.send(key(name, down))
                    codes[held, name, down] = drain(one)
                one.send(key(held, False)), drain(one)
        found.append(codes)
    assert found[0] == found[1] and len(set(found[0].values())) > 90


MOUSE = (
    [("rel", "x", 5), ("rel", "y", -7)], [("btn", "left", True)], [("btn", "right", True), ("rel", "x", -300)],
    [("btn", "left", False), ("btn", "middle", True)], [("btn", "wheel-up", True)], [("btn", "wheel-up", False)],
    [("btn", "wheel-down", True), ("rel", "y", 130)], [("btn", "side", True)], [("btn", "extra", True)],
    [("btn", "wheel-left", True)], [("btn", "wheel-right", True), ("btn", "side", False)], [("rel", "x", 2000)],
    [("rel", "x", 0)], [("btn", "right", False), ("btn", "middle", False), ("btn", "extra", False)],
)  # fmt: skip


def movement(kind, what, value):
    if kind == "rel":
        return {"type": kind, "data": {"axis": what, "value": value}}
    return {"type": kind, "data": {"button": what, "down": value}}


@pytest.mark.parametrize("knock", [(), (200, 100, 80), (200, 200, 80)], ids=["plain", "wheel", "five buttons"])
def test_packets(pair, knock):
    found = []
    for one in pair:
        one.outb(0x64, 0x60), one.outb(0x60, 3)
        said = []
        for byte in (*(part for rate in knock for part in (0xF3, rate)), 0xF2, 0xF4):
            one.outb(0x64, 0xD4), one.outb(0x60, byte)
            said.append(drain(one))
        for group in MOUSE:
            one.send(*(movement(*part) for part in group))
            said.append(drain(one))
        found.append(said)
    assert found[0] == found[1]
