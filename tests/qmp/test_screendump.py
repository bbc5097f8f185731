"""`screendump`: what a recording showed is what its replay shows at that moment, in both formats."""

import io

import pytest
from in_process import Client
from planted import replay
from PIL import Image
from quiet_host import QuietHost

from playhead.boards import pc_devices
from playhead.boards.config import PcConfig
from playhead.cli import qmp_options
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.monitor import hmp
from playhead.qmp.service import Qmp, Surroundings
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.timeline.live import LiveDebuggee
from playhead.timeline.replayed import ReplayDebuggee
from playhead.timeline.timeline import Timeline
from tools import guest

WRITES = """
        .include "pc.inc"
        .text
main:   movl    $0x1F411E42, %eax
1:      movl    %eax, 0xB8000(,%ecx,4)
        incl    %ecx
        andl    $0x3FF, %ecx
        addl    $0x01030107, %eax
        jmp     1b
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    image = guest.firmware(WRITES, tmp_path_factory.mktemp("guest"))
    return PcConfig(bios=image, ram_bytes=1 << 20, **pc_devices.parts())


def served(target):
    around = Surroundings(hmp.monitor(target).execute, "guest", chardevs=lambda: [], options=qmp_options.described)
    return Qmp(target, around)


def recorded(tmp_path, config, script, turns=5):
    meta = {"config": config.to_json(), "shift": 3, "engine": "native", "program": "playhead test"}
    options = Options(digest_period=20_000, meta=meta, blobs=tuple(config.blobs().values()))
    steps = []
    with Writer(str(tmp_path / "r.ph"), True) as writer:
        host = QuietHost(live=True, step_ns=10_000)
        session = RecordSession(lambda door: Machine(config, door), host, options, writer)
        target = LiveDebuggee(session, "", str(tmp_path / "r.ph"))
        target.attend = lambda: next(steps[0], None)
        steps.append(script(served(target), turns))
        return session.run()


def script(folder):
    def run(qmp, turns):
        client = Client(qmp)
        for n in range(turns):
            for _ in range(4):
                yield
            client.do("stop")
            assert client.result("screendump", filename=str(folder / f"{n}.ppm")) == {}
            said = client.result("human-monitor-command", command_line=f"screendump {folder / f'{n}.png'} -f png")
            assert said == ""
            (folder / f"{n}").write_text(str(client.result("query-replay")["icount"]))
            client.do("cont")
        client.do("quit")

    return run


def test_a_replay_shows_what_was_shown(tmp_path, config):
    recorded(tmp_path, config, script(tmp_path))
    assert replay(tmp_path / "r.ph").complete
    pictures = {(tmp_path / f"{n}.ppm").read_bytes() for n in range(5)}
    assert len(pictures) > 2 and all(one.startswith(b"P6\n720 400\n255\n") for one in pictures)
    with Reader(str(tmp_path / "r.ph")) as reader:
        line = Timeline(lambda door: Machine(config, door), QuietHost(), reader, 1).begin()
        client = Client(served(ReplayDebuggee(line)))
        for n in (3, 0, 4, 2, 1):
            line.seek(Moment(int((tmp_path / f"{n}").read_text())))
            client.result("screendump", filename=str(tmp_path / "x.png"), format="png")
            client.result("screendump", filename=str(tmp_path / "x.ppm"))
            assert (tmp_path / "x.ppm").read_bytes() == (tmp_path / f"{n}.ppm").read_bytes()
            assert (tmp_path / "x.png").read_bytes() == (tmp_path / f"{n}.png").read_bytes()
            plain = Image.open(io.BytesIO((tmp_path / "x.ppm").read_bytes()))
            assert Image.open(tmp_path / "x.png").convert("RGB").tobytes() == plain.tobytes()
        assert client.error("screendump", filename="x", head=0)[1] == "'head' must be specified together with 'device'"
        assert client.error("screendump", filename="x", device="vga", head=1)[1].endswith("bound to a QemuConsole")
        assert client.error("screendump", filename=str(tmp_path / "r.ph"))[1].endswith("command never replaces")
