"""Clients that are not ours: vncdotool (PyPI), vncsnapshot and TigerVNC's viewer (Debian). Each sees the picture."""

import os
import shutil
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playhead.host.display.vnc_options import VncOptions
from playhead.log.input_events import button, key, moved
from tests.fed_display import PATIENCE_S, FedVnc, until
from tests import rfb_client as client_says
from tests.rfb_client import photograph, text_screen

PICTURES = {"text": text_screen(720, 400), "photograph": photograph(640, 480)}
XWD_HEADER = struct.Struct(">25I")


def needs(*programs: str):
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {', '.join(missing)}")


@pytest.fixture(params=PICTURES, scope="module")
def fed(request):
    with FedVnc(VncOptions(port=0), PICTURES[request.param]) as fed:
        yield fed


def rgb(path: Path) -> np.ndarray:
    parts = np.asarray(Image.open(path).convert("RGB")).astype(np.uint32)
    return parts[..., 0] << 16 | parts[..., 1] << 8 | parts[..., 2]


def vncdo(fed: FedVnc, *words: str) -> None:
    program = "from vncdotool.command import vncdo; vncdo()"
    subprocess.run([sys.executable, "-c", program, "-s", f"127.0.0.1::{fed.port}", *words], check=True,
                   timeout=PATIENCE_S, capture_output=True)  # fmt: skip


def test_vncdotool_captures(fed, tmp_path):
    vncdo(fed, "capture", str(tmp_path / "shot.png"))
    assert np.array_equal(rgb(tmp_path / "shot.png"), fed.frame)


def test_vncdotool_follows_when_the_screen_gets_another_size(fed, tmp_path):
    before, first = fed.frame, tmp_path / "first.png"
    other = text_screen(800, 600, 3)
    try:
        with ThreadPoolExecutor() as beside:
            done = beside.submit(vncdo, fed, "capture", str(first), "pause", "0.6", "capture", str(tmp_path / "b.png"))
            until(first.exists)
            fed.frame = other
            done.result()
    finally:
        fed.frame = before
    assert np.array_equal(rgb(first), before) and np.array_equal(rgb(tmp_path / "b.png"), other)


def test_vncdotool_types_and_moves_the_mouse(fed):
    fed.pressed.clear()
    vncdo(fed, "type", "Hi", "key", "ctrl-c", "key", "enter", "move", "100", "100", "move", "130", "95", "click", "1")
    caps = [[key("caps_lock", True)], [key("caps_lock", False)]]
    strokes = [*caps, [key("h", True)], [key("h", False)], *caps, [key("i", True)], [key("i", False)],
               [key("ctrl", True)], [key("c", True)], [key("ctrl", False)], [key("c", False)], [key("ret", True)],
               [key("ret", False)]]  # fmt: skip
    expected = [*strokes, moved(30, -5), [button("left", True)], [button("left", False)]]
    until(lambda: len(fed.pressed) >= len(expected))
    ordered = [group for group in fed.pressed if group not in ([key("ctrl", False)], [key("c", False)])]
    assert ordered == [group for group in expected if group not in ([key("ctrl", False)], [key("c", False)])]
    assert len(fed.pressed) == len(expected)


def test_vncdotool_logs_in(tmp_path):
    shot = tmp_path / "shot.png"
    with FedVnc(VncOptions(port=0, password=True), PICTURES["text"]) as fed:
        fed.end.set_password("pa55word")
        vncdo(fed, "-p", "pa55word", "capture", str(shot))
        assert np.array_equal(rgb(shot), fed.frame)
        with pytest.raises(subprocess.CalledProcessError):
            vncdo(fed, "-p", "password", "capture", str(tmp_path / "other.png"))
        assert fed.messages[-1].endswith("it gave a wrong password") and not (tmp_path / "other.png").exists()


@needs("vncsnapshot")
@pytest.mark.parametrize("encoding", ["tight", "hextile", "zlib", "raw"])
def test_vncsnapshot(fed, tmp_path, encoding):
    """It speaks RFB 3.3 and writes JPEG only, so what it draws is near."""
    subprocess.run(["vncsnapshot", "-encodings", encoding, "-quality", "100", f"127.0.0.1::{fed.port}",
                    str(tmp_path / "shot.jpg")], check=True, timeout=PATIENCE_S, capture_output=True)  # fmt: skip
    got = rgb(tmp_path / "shot.jpg")
    assert got.shape == fed.frame.shape
    for at in (16, 8, 0):
        assert np.abs((got >> at & 255).astype(int) - (fed.frame >> at & 255)).max() <= 4


@pytest.fixture(scope="module")
def x_screen(tmp_path_factory):
    """An X server's number and the file that has its screen."""
    folder = tmp_path_factory.mktemp("x")
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "900x700x24", "-fbdir", str(folder),
                               "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL)  # fmt: skip
    os.close(write)
    number = os.read(read, 10).decode().strip()
    yield f":{number}", folder / "Xvfb_screen0"
    server.terminate()
    server.wait()
    os.close(read)


def screen(path: Path) -> np.ndarray:
    """What an X server's file shows (XWD, 32 bits a pixel)."""
    data = path.read_bytes()
    head = XWD_HEADER.unpack_from(data)
    height, stride, begin = head[5], head[12], head[0] + 12 * head[19]
    return np.frombuffer(data, "<u4", height * stride // 4, begin).reshape(height, -1) & 0xFFFFFF


def is_shown(frame: np.ndarray, on: np.ndarray) -> bool:
    """Whether a picture is there, wherever on the screen."""
    height, width = frame.shape
    for y, x in np.argwhere(on[: on.shape[0] - height + 1, : on.shape[1] - width + 1] == frame[0, 0]):
        if on[y, x + width - 1] == frame[0, -1] and np.array_equal(on[y : y + height, x : x + width], frame):
            return True
    return False


@needs("Xvfb", "xtigervncviewer")
@pytest.mark.parametrize("encoding", ["Tight", "Hextile", "Raw"])
def test_tigervnc_shows_what_changes(fed, x_screen, encoding):
    """Its viewer uses continuous updates and fences."""
    display, file = x_screen
    before = fed.frame
    words = ["xtigervncviewer", "-AutoSelect=0", f"-PreferredEncoding={encoding}", "-NoJPEG=1", "-RemoteResize=0",
             "-geometry", "800x600", f"127.0.0.1::{fed.port}"]  # fmt: skip
    viewer = subprocess.Popen(words, env={**os.environ, "DISPLAY": display}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        until(lambda: is_shown(before, screen(file)), "the picture is not there")
        fed.frame = before.copy()
        fed.frame[100:150, 200:300] ^= 0x00FF00
        until(lambda: is_shown(fed.frame, screen(file)), "the change is not there")
        fed.frame = text_screen(500, 300, 5)
        until(lambda: is_shown(fed.frame, screen(file)), "the other size is not there")
    finally:
        fed.frame = before
        viewer.terminate()
        viewer.wait()


# beside QEMU's own server

ALL = (0, -223, -308, -258, -257, -239, -314, -307, -224, -305)


@pytest.fixture(scope="module")
def qemu(tmp_path_factory):
    path = tmp_path_factory.mktemp("qemu") / "vnc"
    words = ["qemu-system-i386", "-S", "-display", "none", "-monitor", "none", "-serial", "none"]
    process = subprocess.Popen([*words, "-vnc", f"unix:{path}"])
    until(lambda: answers(path))
    yield str(path)
    process.kill()
    process.wait()


def answers(path: Path) -> bool:
    """A socket has its name before anybody listens at it."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def conversation(path: str) -> list[bytes]:
    """What a server says to a client that says this."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.settimeout(PATIENCE_S)
        heard = []

        def read(size: int) -> bytes:
            data = client.recv(size, socket.MSG_WAITALL)
            assert len(data) == size
            heard.append(data)
            return data

        for said, sizes in ((b"", [12]), (b"RFB 003.008\n", [1, 1]), (b"\1", [4]), (b"\1", [20])):
            client.sendall(said)
            for size in sizes:
                read(size)
        client.recv(int.from_bytes(client.recv(4, socket.MSG_WAITALL), "big"), socket.MSG_WAITALL)  # the name
        client.sendall(client_says.set_encodings(*ALL) + client_says.request(False, 0, 0, 640, 480))
        for extra in (0, 0, 20, 640 * 480 * 4):
            assert read(4) == b"\0\0\0\1"
            read(12)
            client.recv(extra, socket.MSG_WAITALL) if extra > 100 else read(extra) if extra else None
        return heard


@needs("qemu-system-i386")
def test_the_conversation_is_that_with_qemus(qemu, tmp_path):
    with FedVnc(VncOptions(path=str(tmp_path / "vnc")), np.zeros((480, 640), np.uint32)) as fed:
        assert conversation(fed.end.options.path) == conversation(qemu)
