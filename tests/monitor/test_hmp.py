"""The human monitor beside QEMU's: the same commands, and answers of the same shape."""

import random
import re
import subprocess

import pytest
from qemu_monitor import QemuMonitor, needs_qemu
from talking import Running, wait_for

from playhead.cli import main
from playhead.log.reader import Reader
from playhead.monitor import hmp
from playhead.monitor.commands import CONTEXTS, Misunderstood, Monitor
from tools import guest

LISTENING = ("-monitor", "tcp:127.0.0.1:0,server,nowait")


def machine(name="demo", *options):
    return ["-bios", str(guest.image(name)), "-m", "16", "-serial", "null", *options]


@pytest.fixture(scope="module")
def paused():
    """The monitor of a machine that has not run yet."""
    with Running("run", *machine("demo", *LISTENING, "-S")) as running, running.monitor() as talk:
        yield talk


@needs_qemu
def test_every_command_of_qemus_list_is_known():
    """It works, or it is refused by name; nobody is told that there is no such thing."""
    with QemuMonitor("-S") as ask:
        listed = [re.match(r"(info )?([a-z][\w-]*)", line) for line in (*ask("help"), *ask("help info"))]
    names = {found[0] for found in listed if found and found[0] not in ("info", "drive_add")}
    assert {"stop", "x_colo_lost_heartbeat", "info pic", "info virtio-status"} <= names and len(names) > 150
    for context in CONTEXTS:
        monitor = Monitor(hmp.commands(None), context)
        for name in sorted(names):
            try:
                monitor._find(name.split())
            except Misunderstood as e:
                pytest.fail(f"{context}: {e}")


def shape(lines):
    """Numbers are numbers, whatever they are, and of registers that there are not nothing is expected."""
    kept = [line for line in lines if not line.startswith(("XMM", "CCS", "LDT", "TR"))]
    return [re.sub(r"\b(0x)?[0-9a-f]+\b|\bCPU#\d", "N", line.replace(" MXCSR=00001f80", "")).strip() for line in kept]


@needs_qemu
@pytest.mark.parametrize("command", [
    "info registers", "info registers -a", "info pic", "info lapic", "info status", "info replay",
    "info mem", "info tlb", "info kvm", "info vnc", "info uuid", "info numa", "info block-jobs", "info spice",
    "x /8xw 0xf0000", "x /5xb 0xf0000", "x /3xh 0xf0000", "x /2xg 0xf0000", "xp /4xw 0xfffffff0", "x /2uw 0xf0000",
    "p /x 10+3", "p /d -1", "p /u -1", "p /o 9", "p /c 65", "print /x (1+2)*3",
    "gva2gpa 0x1000", "info registers 3", "cpu 2", "replay_break 10", "replay_delete_break", "replay_seek 1",
    "i /xb 0x61", "i /xh 0xcf8", "o /b 0x80 3", "info network", "info iothreads", "help stop", "help info status",
])  # fmt: skip
def test_answers_have_qemus_shape(command, paused, qemu):
    ours, theirs = (shape([line for line in said if line]) for said in (paused.ask(command).split("\n"), qemu(command)))
    if command == "info lapic":  # its state differs: SeaBIOS has not run, and ours is begun with LINT0 open
        ours, theirs = ([line.split()[0] for line in said] for said in (ours, theirs))
    said = [f"Error: {line}" if line.startswith(("setting", "replay ", "invalid CPU")) else line for line in theirs]
    assert ours == said


@pytest.fixture(scope="module")
def qemu():
    with QemuMonitor("-S", "-m", "16", "-vga", "none") as ask:
        yield ask


def test_what_is_typed_wrong(paused):
    for command, said in {
        "x /s 0": "Cannot access memory|usage|invalid char in format: 's'",
        "x /10": "an address is missing", "p 1+": "is missing", "p $foo": "no register foo",
        "p 1/0": "division by zero", "sum 0": "usage: sum", "sum 0 10 20": "extraneous characters",
        "i /g 0x60": "1, 2 or 4 bytes",
        "memsave 0 10 /nowhere/x": "cannot write /nowhere/x: No such file", "eject nowhere": "no device 'nowhere'",
        "loadvm x": "no snapshot 'x'", "sendkey foo": "invalid parameter: foo", "mouse_set 77": "not found",
        "info block nowhere": "not found", "info usb": "no USB controller", "migrate tcp:x": "no migration",
        "screendump /nowhere/x": "cannot write /nowhere/x: No such file",
        "screendump x -f gif": "does not accept value", "screendump x pic pic": "is not a number",
        "screendump x nosuch": "Device 'nosuch' not found", "screendump x pic": "not bound to a QemuConsole",
        "screendump x -f": "needs a format",
        "chardev-add null,id=x": "chosen at the start",
        "dump-guest-memory -z x": "format is not supported", "dump-guest-memory x 0": "'length' is missing",
        "info mtree -d": "is not supported", "nosuch": "unknown command: 'nosuch'", "pmemsave 0 99999999999 x": "bytes",
    }.items():  # fmt: skip
        answer = paused.ask(command)
        assert re.search(said, answer) and answer.count("\n") == 0, (command, answer)


def test_devices_come_from_their_declarations(tmp_path):
    words = ("-device", "isa-debug-exit,iobase=0x501,iosize=4", "-cdrom", str(guest.image("demo")))
    with Running("run", *machine("demo", *LISTENING, "-S", *words)) as running:
        line = running.process.stderr.readline().decode()
        with running.talk(line) as talk:
            tree = talk.ask("info qtree").split("\n")
            at = next(n for n, row in enumerate(tree) if "dev: isa-debug-exit" in row)
            assert [row.strip() for row in tree[at + 1 : at + 3]] == ["iobase = 1281 (0x501)", "iosize = 4 (0x4)"]
            bus = next(n for n, row in enumerate(tree) if "dev: ide-cd" in row)
            assert any("bus: ide.1" in row for row in tree[bus - 2 : bus])
            pci = talk.ask("info pci")
            assert "    IDE controller: PCI device 8086:7010\n      PCI subsystem 1af4:1100\n      BAR4: I/O at " in pci
            ports = talk.ask("info mtree")
            assert re.search(r"\n +0000000000000501-0000000000000504 \(prio 0, i/o\): debug_exit", ports)
            assert re.search(r"\n +0000000000000000-000000000009ffff \(prio 0, ram\): ram", ports)
            inside = f"ide1-cd0: {guest.image('demo')} (raw, read-only)\n    Attached to:"
            assert talk.ask("info block").startswith(inside)
            counts = "rd_bytes=0 wr_bytes=0 rd_operations=0 wr_operations=0 flush_operations=0"
            assert f"ide1-cd0: {counts}" in talk.ask("info blockstats").split("\n")


def test_memory_into_files(paused, tmp_path):
    image = guest.image("demo").read_bytes()
    out = tmp_path / "a file"
    paused.ask(f'pmemsave 0xffff0000 0x10000 "{out}"')
    assert out.read_bytes() == image[-0x10000:] and out.stat().st_mode & 0o777 == 0o600
    paused.ask(f"memsave 0xffff0000 256 {tmp_path / 'b'}")
    assert (tmp_path / "b").read_bytes() == image[-0x10000:][:256]
    total = 0
    for byte in image[-0x10000:][:1000]:
        total = ((total >> 1 | (total & 1) << 15) + byte) & 0xFFFF
    assert int(paused.ask("sum 0xffff0000 1000")) == total


def test_a_core_file_for_gdb(paused, tmp_path):
    core, paged = tmp_path / "core", tmp_path / "paged"
    assert paused.ask(f"dump-guest-memory {core}") == "" and paused.ask(f"dump-guest-memory -p {paged}") == ""
    assert core.read_bytes() == paged.read_bytes()  # paging is off
    assert paused.ask(f"dump-guest-memory {paged} 0xffff0000 0x100") == "" and paged.stat().st_size < 1000
    command = ["gdb", "-q", "-batch", "-ex", f"core-file {core}", "-ex", "p/x $eip", "-ex", "x/2xb 0xffff0000"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    image = guest.image("demo").read_bytes()[-0x10000:]
    assert "$1 = 0xfff0" in said and f"0xffff0000:\t0x{image[0]:02x}\t0x{image[1]:02x}" in said, said


def test_nothing_in_use_is_replaced_and_ports_are_no_input(tmp_path, capfd):
    path, other = tmp_path / "r.ph", tmp_path / "other.ph"
    assert main(["record", "-o", str(other), *machine("halt")]) == 0
    with Running("record", "-o", str(path), *machine("demo", *LISTENING, "-S", "-debugcon", f"file:{tmp_path / 'd'}"),
                 ) as running, running.monitor() as talk:  # fmt: skip
        assert "is a recording" in talk.ask(f"pmemsave 0 10 {other}")
        assert re.search("is a recording|in use", talk.ask(f"pmemsave 0 10 {path}"))
        assert "in use by this run" in talk.ask(f"pmemsave 0 10 {tmp_path / 'd'}")
        for command in ("i /b 0x60", "o /b 0x80 1"):
            assert "would not be in the recording" in talk.ask(command)
        assert "refused here: a read of a port" in talk.ask("help i") and "\no " not in talk.ask("help")
        talk.ask("cont")
        talk.file.write(b"quit\n")
        assert running.process.wait(240) == 0
    for command in ("system_reset", "system_powerdown", "nmi", "sendkey a", "type a", "eject ide1-cd0",
                    "change ide1-cd0 x", "o /b 1 2"):  # fmt: skip
        assert main(["debug", str(path), "--batch", "-ex", command]) == 2
        assert re.search("a replay cannot be changed", capfd.readouterr().err)
    assert main(["debug", str(path), "--batch", "-ex", "info qtree", "-ex", "info pic", "-ex", "info mtree"]) == 0
    assert "dev: isa-serial" in capfd.readouterr().out
    assert main(["replay", str(path), "--quiet"]) == 0


def test_interrupts_are_counted(tmp_path):
    """The demo guest's timer; a level that stays is one."""
    with Running("run", *machine("demo", *LISTENING)) as running, running.monitor() as talk:
        said = ""
        while not re.search(r"^ 0: ([1-9]\d)$", said, re.MULTILINE):
            said = talk.ask("info irq")
        head, timer, *rest = said.splitlines()
        assert head == "IRQ statistics for ioapic:" and "IRQ statistics for isa-i8259:" in rest
        assert rest.count(timer) == 1


def test_what_is_done_at_the_monitor_is_recorded(tmp_path, capfd):
    path = tmp_path / "r.ph"
    asked = ("sendkey a", "mouse_move 1 2", "mouse_button 1", "nmi", "system_powerdown", "system_reset")
    with Running("record", "-o", str(path), *machine("demo", *LISTENING)) as running, running.monitor() as talk:
        for command in asked:
            assert talk.ask(command) == ""
        assert "not in suspended state" in talk.ask("system_wakeup")
        assert "is there" in talk.ask("sendkey qwertz") or "no key has this name" in talk.ask("sendkey qwertz")
        wait_for(lambda: len(seen := kinds(path)) >= 5 and {"Input", "InputSync", "ResetRequested"} <= seen)
        talk.file.write(b"quit\n")
        assert running.process.wait(240) == 0
    assert main(["replay", str(path), "--quiet"]) == 0


def kinds(path):
    """Of the events that are in a file so far."""
    with Reader(str(path)) as reader:
        return {type(entry.event).__name__ for entry in reader.entries()}


def test_gdb_comes_and_goes_while_it_runs(tmp_path):
    """`gdbserver` opens a place for gdb on a machine that was started without one, another one, and none."""
    command = ["gdb", "-q", "-batch", "-ex", "set remotetimeout 60", "-ex", "set architecture i386"]
    named = ("-name", "one", "-uuid", "12345678-" + "1234-" * 3 + "123456789abc")
    with Running("run", *machine("demo", *LISTENING, *named)) as running, running.monitor() as talk:
        assert talk.ask("info name") == "one" and talk.ask("info uuid").endswith("-123456789abc")
        assert "monitor: filename=" in talk.ask("info chardev")
        for place in (tmp_path / "a", tmp_path / "b"):
            assert talk.ask(f"gdbserver unix:{place},server=on,wait=off").startswith("Waiting for gdb connection")
            asked = [*command, "-ex", f"target remote {place}", "-ex", "p/x $cs", "-ex", "detach"]
            said = subprocess.run(asked, capture_output=True, text=True, timeout=300)
            assert "$1 = 0x" in said.stdout, said
            assert talk.ask("info status") == "VM status: running"
        assert not (tmp_path / "a").exists() and (tmp_path / "b").exists()
        assert talk.ask("gdbserver none") == "Disabled gdbserver" and not (tmp_path / "b").exists()
        for nowhere in ("nowhere", f"file:{tmp_path / 'c'}"):
            assert talk.ask(f"gdbserver {nowhere}").startswith("Error: ")
        assert talk.ask("info status") == "VM status: running"


def test_any_line_gets_an_answer_and_a_recording_of_it_replays(tmp_path):
    rng = random.Random(7)
    ends = ("quit", "q", "stop", "s", "gdbserver", "logfile", "memsave", "pmemsave", "screendump",
            "dump-guest-memory")
    names = [name for command in hmp.commands(None) for name in command.names if name not in ends]
    words = ("0", "-1", "0x10", "$eip", "$esp+4", "9" * 20, "/x", "/8xw", "/10i", "/c", "-f", "-v", "a", "ctrl-f1",
             "on", "(", "*0", '"x', "'", "é", "\x1b[2J", "ide1-cd0", "int", "trace:*", "cpu_*", "1/0", "$", "0xf0000")
    path = tmp_path / "r.ph"
    with Running("record", "-o", str(path), *machine("demo", *LISTENING), "-D", str(tmp_path / "log")) as running:
        with running.monitor() as talk:
            for _ in range(150):
                line = " ".join([rng.choice(names), *(rng.choice(words) for _ in range(rng.randrange(4)))])
                talk.file.write(line.encode() + b"\n")
                said = talk.until(b"(qemu) ").partition("\n")[2]
                assert "Traceback" not in said and "\x1b" not in said, (line, said)
            talk.file.write(b"quit\n")
            assert running.process.wait(240) == 0
    assert main(["replay", str(path), "--quiet"]) == 0
