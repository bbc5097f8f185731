"""QMP here and in QEMU 7.2: the schemas, results, errors, and the order of events, from the same requests to both."""

import json
import re
import shutil
import socket
import subprocess
import time

import pytest
from in_process import Client, events, served
from quiet_host import QuietHost

from playhead.boards.config import PcConfig
from playhead.boards.drive_config import CDROM, FLOPPY, DriveConfig
from playhead.boards.pc_devices import parts
from playhead.host.block import open_image
from playhead.host.disks import Disk, Disks
from playhead.machine.machine import Machine
from playhead.session.drives import media_of
from playhead.session.outcome import Options
from playhead.session.run import RunSession
from playhead.timeline.live import LiveDebuggee
from tools import guest

QEMU = "qemu-system-i386"
PATIENCE_S = 240
QUERIES = (
    "query-version", "query-name", "query-uuid", "query-kvm", "query-mice", "query-target", "query-block",
    "query-named-block-nodes", "query-chardev", "query-cpus-fast", "query-memory-size-summary",
    "query-hotpluggable-cpus",
    "query-jobs", "query-iothreads", "query-tpm", "query-memory-devices", "query-block-jobs", "query-rx-filter",
    "query-current-machine", "query-status", "query-commands", "query-machines", "query-cpu-definitions", "query-pci",
    "query-qmp-schema", "query-replay", "query-migrate", "query-blockstats", "query-dump",
    "query-vnc", "query-vnc-servers", "query-acpi-ospm-status",
)  # fmt: skip
WITH = (
    ("qom-list", {"path": "/machine"}), ("qom-list", {"path": "/machine/unattached"}), ("qom-list", {"path": "/"}),
    ("qom-list", {"path": "/machine/peripheral"}), ("qom-get", {"path": "/machine", "property": "type"}),
    ("qom-get", {"path": "/machine/unattached/device[0]", "property": "type"}),
    ("qom-get", {"path": "/machine/unattached/device[0]", "property": "realized"}),
    ("qom-list-types", {"implements": "ide-device"}), ("device-list-properties", {"typename": "isa-serial"}),
    ("human-monitor-command", {"command-line": "info status"}), ("query-command-line-options", {}),
    ("query-command-line-options", {"option": "icount"}),
)  # fmt: skip
WRONG = (
    ("nosuch", {}), ("qom-list", {"path": "/nosuch"}), ("qom-get", {"path": "/machine", "property": "nosuch"}),
    ("device-list-properties", {"typename": "nosuch"}), ("query-balloon", {}), ("eject", {}),
    ("eject", {"device": "ide0-hd0"}), ("eject", {"device": "nosuch"}), ("blockdev-open-tray", {"id": "nosuch"}),
    ("job-dismiss", {"id": "nosuch"}), ("replay-break", {"icount": 5}), ("replay-delete-break", {}),
    ("replay-seek", {"icount": 5}), ("replay-break", {}), ("replay-break", {"icount": "x"}),
    ("replay-break", {"icount": 1.5}), ("replay-break", {"icount": 1, "more": 2}), ("system_wakeup", {}),
    ("input-send-event", {"events": []}), ("send-key", {"keys": 5}), ("send-key", {"keys": [{"type": "x", "data": 1}]}),
    ("send-key", {"keys": [{"type": "qcode", "data": "nosuch"}]}), ("qmp_capabilities", {}),
    ("memsave", {"val": 0, "size": 16, "filename": "/nosuch/x"}), ("pmemsave", {"val": 0, "size": 1}),
    ("memsave", {"val": 0, "size": 16, "filename": "x", "cpu-index": 3}),
    ("dump-guest-memory", {"paging": False, "protocol": "nosuch:x"}), ("dump-guest-memory", {"paging": False}),
    ("screendump", {"filename": "/nosuch/x"}), ("screendump", {"filename": "x", "head": 1}), ("screendump", {}),
    ("screendump", {"filename": "x", "device": "nosuch"}), ("screendump", {"filename": "x", "format": "gif"}),
    ("human-monitor-command", {}), ("query-rx-filter", {"name": "nosuch"}),
    ("set_link", {"name": "nosuch", "up": True}), ("set_link", {"name": "nosuch"}), ("announce-self", {}),
    ("query-command-line-options", {"option": "nosuch"}),
    ("snapshot-save", {"job-id": "j", "tag": "t", "vmstate": "v"}), ("blockdev-change-medium", {"filename": 5}),
    ("set_password", {"protocol": "vnc", "password": "x"}), ("set_password", {"protocol": "spice", "password": "x"}),
    ("set_password", {"protocol": "rdp", "password": "x"}), ("set_password", {"protocol": "vnc"}),
    ("expire_password", {"protocol": "vnc", "time": "now"}), ("expire_password", {"protocol": "spice", "time": "now"}),
    ("change-vnc-password", {"password": "x"}), ("change-vnc-password", {}),
)  # fmt: skip


class Qemu:
    """A real one, paused, with a disk and a CD-ROM drive."""

    def __init__(self, folder):
        path = folder / "qmp"
        words = ["-display", "none", "-net", "none", "-m", "16", "-S", "-serial", "null", "-name", "guest",
                 "-drive", f"file={folder / 'disk.qcow2'}", "-drive", f"file={folder / 'cd.iso'},media=cdrom,index=2",
                 "-drive", f"file={folder / 'floppy'},if=floppy,format=raw",
                 "-qmp", f"unix:{path},server=on,wait=off"]  # fmt: skip
        self.process = subprocess.Popen([QEMU, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(str(path))
                break
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None
                time.sleep(0.05)
        self.socket.settimeout(PATIENCE_S)
        self._file = self.socket.makefile("rwb")
        assert "QMP" in json.loads(self._file.readline())
        assert self.do("qmp_capabilities") == [{"return": {}}]

    def do(self, name, /, **arguments):
        self._file.write(json.dumps({"execute": name, "arguments": dashed(arguments)}).encode() + b"\n")
        self._file.flush()
        found = []
        while not found or "event" in found[-1]:
            found.append(json.loads(self._file.readline()))
        return found

    def close(self):
        self._file.close()
        self.socket.close()
        self.process.kill()
        self.process.wait()


def dashed(arguments):
    return {key.replace("_", "-"): value for key, value in arguments.items()}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", folder / "disk.qcow2", "4M"], check=True)
    (folder / "cd.iso").write_bytes(bytes(1 << 20))
    (folder / "floppy").write_bytes(bytes(1440 << 10))
    return folder


@pytest.fixture(scope="module")
def qemu(images):
    if shutil.which(QEMU) is None:
        pytest.skip("there is no qemu-system-i386")
    found = Qemu(images)
    yield found
    found.close()


@pytest.fixture(scope="module")
def ours(images, tmp_path_factory):
    """The same machine here, paused before its first instruction."""
    folder = tmp_path_factory.mktemp("ours")
    for name in ("disk.qcow2", "cd.iso", "floppy"):
        shutil.copy(images / name, folder / name)
    disk, cd = open_image(str(folder / "disk.qcow2")), open_image(str(folder / "cd.iso"), read_only=True)
    floppy = open_image(str(folder / "floppy"), format="raw")
    drives = [DriveConfig(0, 0, "hd", disk.sectors, False, "PH1", "DISK"),
              DriveConfig(1, 0, CDROM, cd.sectors, True, "PH2", "CD"),
              DriveConfig(0, 0, FLOPPY, floppy.sectors, False, "", "")]  # fmt: skip
    pc = PcConfig(ram_bytes=16 << 20, bios=guest.image("demo").read_bytes(), **parts(drives=drives))
    host = QuietHost(live=True, ports=1)
    host.ends["disks"] = Disks([Disk(disk, True), Disk(cd), Disk(floppy, True)])
    session = RunSession(lambda door: Machine(pc, door), host, Options())
    target = LiveDebuggee(session)
    target.stopped = session.observed = True
    clients = []

    def first():
        clients.append(Client(served(target)))
        raise InterruptedError  # the machine is built, and stays where it is

    target.attend = first
    with pytest.raises(InterruptedError):
        session.run()
    target.attend = lambda: None
    yield clients[0]
    host.ends["disks"].stop()
    host.ends["disks"].close()


class Schema:
    """What `query-qmp-schema` says."""

    def __init__(self, entries):
        self.by_name = {entry["name"]: entry for entry in entries}

    def faults(self, name, value, where=""):
        """Where a value is not of the type of that name."""
        entry = self.by_name[name]
        match entry["meta-type"]:
            case "builtin":
                kinds = {"string": str, "boolean": bool, "int": int, "number": (int, float), "value": object}
                if not isinstance(value, kinds[entry["json-type"]]):
                    yield f"{where}: {value!r} is no {entry['json-type']}"
            case "enum":
                if value not in entry["values"]:
                    yield f"{where}: {value!r} is not one of {entry['values']}"
            case "array":
                for n, one in enumerate(value):
                    yield from self.faults(entry["element-type"], one, f"{where}[{n}]")
            case "object":
                yield from self._object(entry, value, where)

    def _object(self, entry, value, where):
        members = {member["name"]: member for member in entry["members"]}
        for variant in entry.get("variants", ()):
            if variant["case"] == value.get(entry["tag"]):
                more = self.by_name[variant["type"]]["members"]
                members |= {member["name"]: member for member in more}
        for key, member in members.items():
            if key in value:
                yield from self.faults(member["type"], value[key], f"{where}.{key}")
            elif "default" not in member:
                yield f"{where}.{key} is missing"
        yield from (f"{where}.{key} is unknown" for key in value if key not in members)

    def differences(self, mine, theirs, other, where):
        """Of a type here from one of another schema, of which it may have a part."""
        a, b = self.by_name[mine], other.by_name[theirs]
        if a["meta-type"] != b["meta-type"] and "alternate" not in b["meta-type"]:
            if not (b.get("json-type") == "value" or a.get("json-type") == "value"):
                yield f"{where}: {a['meta-type']}, not {b['meta-type']}"
        elif a["meta-type"] == "enum":
            yield from (f"{where}: {value} is not QEMU's" for value in a["values"] if value not in b["values"])
        elif a["meta-type"] == "array":
            yield from self.differences(a["element-type"], b["element-type"], other, where + "[]")
        elif a["meta-type"] == "object":
            yield from self._members_differ(a, b, other, where)
        elif a.get("json-type") != b.get("json-type"):
            yield f"{where}: {a['json-type']}, not {b['json-type']}"

    def _members_differ(self, a, b, other, where):
        there = {member["name"]: member for member in b["members"]}
        for variant in b.get("variants", ()):
            for member in other.by_name[variant["type"]]["members"]:
                there.setdefault(member["name"], {**member, "default": None})
        for member in a["members"]:
            name = member["name"]
            if name not in there:
                yield f"{where}.{name} is not QEMU's"
            elif not a.get("variants"):
                yield from self.differences(member["type"], there[name]["type"], other, f"{where}.{name}")
        here = {member["name"] for member in a["members"]}
        yield from (f"{where}.{name} is QEMU's, and needed" for name, one in there.items()
                    if name not in here and "default" not in one)  # fmt: skip


@pytest.fixture(scope="module")
def schemas(qemu, ours):
    return Schema(ours.result("query-qmp-schema")), Schema(qemu.do("query-qmp-schema")[-1]["return"])


def test_the_schema_is_closed_and_a_part_of_qemus(schemas):
    """Every type that is named is there; commands and events take and return what QEMU's do, or a part of it."""
    mine, theirs = schemas
    text = json.dumps(list(mine.by_name.values()))
    for name in re.findall(r'"(?:type|arg-type|ret-type|element-type)": "([^"]*)"', text):
        assert name in mine.by_name
    found = []
    for entry in mine.by_name.values():
        if entry["meta-type"] not in ("command", "event"):
            continue
        other = theirs.by_name[entry["name"]]
        for part in ("arg-type", "ret-type"):
            if part in entry:
                found += mine.differences(entry[part], other[part], theirs, f"{entry['name']} {part}")
    assert found == []


@pytest.mark.parametrize("name, arguments", [*((name, {}) for name in QUERIES), *WITH])
def test_results_have_qemus_shape(qemu, ours, schemas, name, arguments):
    """By QEMU's own schema, and by ours."""
    result, real = ours.result(name, **arguments), qemu.do(name, **arguments)[-1]
    assert "return" in real
    for schema in schemas:
        assert list(schema.faults(schema.by_name[name]["ret-type"], result, name)) == []
    assert (result == []) == (real["return"] == []), (result, real)
    assert type(result) is type(real["return"])


@pytest.mark.parametrize("name, arguments", WRONG)
def test_errors_have_qemus_class_and_words(qemu, ours, name, arguments):
    (answer,), (real,) = ours.do(name, **arguments), qemu.do(name, **arguments)
    assert answer["error"]["class"] == real["error"]["class"]
    words = ("Parameter", "Invalid parameter type", "Device '", "Need", "QMP", "VM ", "Job ")
    if real["error"]["desc"].startswith(words):
        assert answer["error"]["desc"] == real["error"]["desc"]


def test_options_are_of_qemus_types(qemu, ours):
    """Where both have a parameter."""

    def types(result):
        return {(one["option"], p["name"]): p["type"] for one in result for p in one["parameters"]}

    mine = types(ours.result("query-command-line-options"))
    theirs = types(qemu.do("query-command-line-options")[-1]["return"])
    both = mine.keys() & theirs.keys()
    assert len(both) > 40 and [(key, mine[key], theirs[key]) for key in both if mine[key] != theirs[key]] == []


def test_every_command_is_compared(ours):
    known = {one["name"] for one in ours.result("query-commands")}
    done = {*QUERIES, *(name for name, _ in (*WITH, *WRONG)), "cont", "stop", "system_reset", "system_powerdown",
            "quit", "inject-nmi", "snapshot-load", "snapshot-delete", "dump-guest-memory",
            "blockdev-close-tray"}  # fmt: skip
    assert known <= done, known - done


def test_a_tray_that_the_guest_opens_is_told_of(ours):
    """By START STOP UNIT, say: nothing of the kind passes the session's sources."""
    target = ours.server._qmp.target
    tray = media_of(target.machine).tray(1)
    for is_open in (True, False):
        target._look_at_trays()
        tray.tray_open = is_open
        target._look_at_trays()
        target._look_at_trays()
        (told,) = ours.wire.read()
        assert told["event"] == "DEVICE_TRAY_MOVED" and told["data"]["tray-open"] is is_open
        assert told["data"]["device"] == "ide1-cd0"


def test_the_order_of_events(qemu, ours, images):
    """The same commands, the last ones of this file: both machines have been paused until here."""
    cd, floppy, file = "ide1-cd0", "floppy0", str(images / "cd.iso")
    steps = (
        ("system_reset", {}), ("query-status", {}), ("blockdev-close-tray", {"device": cd}),
        ("blockdev-open-tray", {"device": cd}), ("blockdev-open-tray", {"device": cd}),
        ("blockdev-close-tray", {"device": cd}), ("blockdev-close-tray", {"device": cd}),
        ("blockdev-change-medium", {"device": cd, "filename": file, "format": "raw"}),
        ("eject", {"device": cd}), ("eject", {"device": cd}),
        ("blockdev-change-medium", {"device": cd, "filename": file, "format": "raw"}),
        ("blockdev-open-tray", {"device": floppy}), ("blockdev-close-tray", {"device": floppy}),
        ("eject", {"device": floppy}), ("eject", {"device": floppy}),
        ("blockdev-change-medium", {"device": floppy, "filename": str(images / "floppy"), "format": "raw",
                                    "read-only-mode": "read-only"}),
        ("system_powerdown", {}), ("inject-nmi", {}), ("cont", {}), ("cont", {}), ("query-status", {}), ("stop", {}),
        ("stop", {}), ("query-status", {}), ("system_reset", {}), ("query-status", {}), ("quit", {}),
    )  # fmt: skip
    for name, arguments in steps:
        mine, theirs = ours.do(name, **arguments), qemu.do(name, **arguments)
        told = [e for e in events(theirs) if e != "RESET" or name == "system_reset"]  # SeaBIOS may reset itself
        assert events(mine) == told[: 1 if name == "system_reset" else None], (name, mine, theirs)
        assert list(mine[-1]) == list(theirs[-1]) and mine[-1].get("return", {}) == theirs[-1].get("return", {}), name
        for event, real in zip(mine, theirs, strict=False):
            assert {k: v for k, v in event.get("data", {}).items() if k != "id"} == {
                k: v for k, v in real.get("data", {}).items() if k != "id"}  # fmt: skip
