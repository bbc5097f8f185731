"""The process in which libslirp runs: how it begins and ends, and that nothing there stops the machine."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playhead.base.errors import HostError, Refused
from playhead.host.net import slirp_child, user
from playhead.host.net.default_user import MISSING, DefaultUserNet
from playhead.host.net.end import INBOX
from playhead.host.net.user import UserNet, available
from tests.host.net.guest_stack import MAC, Guest

pytestmark = pytest.mark.skipif(not available(), reason="libslirp0 is not installed")


def until(true, wait_s=60):
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return False


def state(pid: int) -> str:
    """The kernel's letter; X, if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


def running(pid: int) -> bool:
    return state(pid) not in "ZX"


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    assert until(lambda: state(pid) == "T")


@pytest.mark.parametrize(("number", "why"), [
    (signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "SIGKILL"),
    (signal.SIGVTALRM, "it did not come back from the library"),
])  # fmt: skip
def test_its_death_is_told_once_and_drops_frames(number, why):
    with Guest() as guest:
        assert guest.arp("10.0.2.2")
        os.kill(guest.end._child.pid, number)
        assert until(lambda: guest.said)
        for _ in range(100):
            guest.send_arp("10.0.2.2")
        guest.pass_time(10_000_000_000)
        assert guest.said == [f"netdev net0: its process has ended ({why}); what the guest sends is lost from here on"]
        assert guest.end.watched() == (-1, 0) and not guest.end.live
        with pytest.raises(Refused, match="its process has ended"):
            guest.end.usernet()


def test_an_endless_loop_ends_it(monkeypatch):
    """The library does not come back: the process's own time-out ends it. The loop here is one of Python's."""
    loop = ("import playhead.host.net.slirp_process as p; p.HANG_S = 1\n"
            "p.Process._read = lambda self: [0 for _ in iter(int, 1)]")  # fmt: skip
    monkeypatch.setattr(slirp_child, "PROGRAM", slirp_child.PROGRAM.replace("main()", f"\n{loop}\nmain()"))
    with Guest() as guest:
        assert until(lambda: guest.said) and "did not come back from the library" in guest.said[0]


def test_a_request_to_one_that_hangs_has_an_end(monkeypatch):
    monkeypatch.setattr(user, "ANSWER_S", 0.2)
    with Guest() as guest:
        stop(guest.end._child.pid)
        with pytest.raises(Refused, match="does not answer"):
            guest.end.usernet()
        os.kill(guest.end._child.pid, signal.SIGCONT)
        monkeypatch.setattr(user, "ANSWER_S", 60)
        guest.end.hostfwd_add("tcp::0-:80")
        assert "HOST_FORWARD" in guest.end.usernet()  # the answer to this, not to the first


def test_input_may_come_when_a_port_leads_in_or_the_guest_has_sent_something():
    with Guest(watch=False) as guest:
        assert not guest.end.live
        guest.send_arp("10.0.2.2")
        assert guest.end.live
    with Guest("hostfwd=tcp::0-:22", watch=False) as guest:
        assert guest.end.live


def test_it_ends_with_the_recorder():
    """Also when that is killed."""
    code = (
        "import time; from playhead.host.net.user import UserNet\n"
        "from playhead.host.net.user_options import user_options\n"
        "net = UserNet('net0', user_options([])); net.opened(); print(net._child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as recorder:
        pid = int(recorder.stdout.readline())
        assert running(pid)
        recorder.kill()
    assert until(lambda: not running(pid))


def test_close_ends_it_at_once_even_if_it_hangs(monkeypatch):
    monkeypatch.setattr(slirp_child, "END_S", 0.2)
    with Guest() as guest:
        pid = guest.end._child.pid
        stop(pid)
    assert not running(pid)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_it_has_nothing_of_ours_but_its_own():
    read, write = os.pipe()
    os.set_inheritable(write, True)  # as a shell's redirection would be
    try:
        with Guest() as guest:
            folder = Path(f"/proc/{guest.end._child.pid}/fd")
            fds = {int(one.name): os.readlink(one) for one in folder.iterdir()}
            assert set(fds) <= {0, 1, 2, 3, 4, 5} and fds[0] == fds[1] == "/dev/null"  # 5: the library's own, if any
            assert fds[3].startswith("socket:") and "guest-time" in fds[4]
            assert f"pipe:[{os.fstat(write).st_ino}]" not in fds.values()
            assert os.getsid(guest.end._child.pid) == guest.end._child.pid  # no signal of the terminal's
            maps = Path(f"/proc/{guest.end._child.pid}/maps").read_text()
            assert "libslirp" in maps and "libslirp" not in Path("/proc/self/maps").read_text()
    finally:
        os.close(read)
        os.close(write)


def test_a_command_of_guestfwd_has_nothing_of_ours():
    with Guest("guestfwd=tcp:10.0.2.100:80-cmd:ls -l /proc/self/fd") as guest:
        one = guest.connect("10.0.2.100", 80)
        listed = one.read()
        assert b"0 -> socket:" in listed and b"memfd" not in listed and b" 4 -> socket" not in listed


def test_without_the_library(monkeypatch, tmp_path):
    """Loading fails in the process: named, with the package."""
    (tmp_path / "libslirp.so.0").write_bytes(b"")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    with pytest.raises(HostError) as e:
        Guest().__enter__()
    assert "apt install libslirp0" in str(e.value) and "\n" not in str(e.value)


def test_the_default_network_starts_when_it_is_used():
    with Guest(kind=DefaultUserNet) as guest:  # which has told its address
        assert guest.end._child.pid and guest.arp("10.0.2.2") and guest.end.live and not guest.said
        assert "UDP" not in guest.end.usernet()
        guest.end.hostfwd_add("tcp::0-:80")
    with Guest(kind=DefaultUserNet, watch=False) as guest:
        guest.pass_time(10_000_000_000)
        assert not hasattr(guest.end, "_child") and guest.end.watched() == (-1, 0) and not guest.end.live


def test_the_default_network_without_a_library_that_can_be_used(monkeypatch, tmp_path):
    (tmp_path / "libslirp.so.0").write_bytes(b"")  # there, as far as can be seen
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    with Guest(kind=DefaultUserNet) as guest:
        assert until(lambda: guest.said)
        guest.send_arp("10.0.2.2")
        assert len(guest.said) == 1 and "apt install libslirp0; what the guest sends is lost" in guest.said[0]
        assert not guest.end.live
    monkeypatch.setattr("playhead.host.net.default_user.available", lambda: False)
    with Guest(kind=DefaultUserNet) as guest:
        guest.send_arp("10.0.2.2")
        assert guest.end.unplugged and not hasattr(guest.end, "_child") and guest.said == [MISSING]
        with pytest.raises(Refused, match="cable unplugged"):
            guest.end.hostfwd_add("tcp::0-:80")


def test_whether_it_is_there_is_seen_without_loading(monkeypatch, tmp_path):
    assert available()
    cache = tmp_path / "cache"
    real = open
    monkeypatch.setattr("builtins.open", lambda name, *rest: real(cache if name == "/etc/ld.so.cache" else name, *rest))
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    assert not available()
    cache.write_bytes(b"\0\0libslirp.so.0\0/gone/libslirp.so.0\0")
    assert not available()
    (tmp_path / "libslirp.so.0").touch()
    cache.write_bytes(b"\0libslirp.so.0\0" + str(tmp_path / "libslirp.so.0").encode() + b"\0")
    assert available()
    cache.unlink()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert available()


def test_a_sender_waits_while_the_guest_takes_nothing():
    """A flood of datagrams fills the inbox. Then nothing is read from the host, so that TCP stops who sends."""
    with (socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as flood,
          Guest() as guest):  # fmt: skip
        flood.bind(("127.0.0.1", 0))
        one = guest.connect("10.0.2.2", server.getsockname()[1])
        client, _ = server.accept()
        client.setblocking(False)
        guest.udp("10.0.2.2", flood.getsockname()[1], b"here")
        _, back = flood.recvfrom(10)

        def full() -> bool:
            for _ in range(100):
                flood.sendto(bytes(1000), back)
            return len(guest.end._inbox) > INBOX - user.ENOUGH

        assert until(full)
        time.sleep(0.2)  # until what is between the two is full as well
        sent = [pushed(client)]
        end = time.monotonic() + 60
        while sent[-1] and time.monotonic() < end:  # the system's buffers grow at first
            time.sleep(0.2)
            sent.append(pushed(client))
        assert sent[0] > 0 and sent[-1] == 0
        assert len(guest.end._inbox) <= INBOX and guest.end.lost == 0
        assert not any(one.read(200_000)) and guest.end.lost == 0  # and now it comes
        client.close()


def pushed(client: socket.socket) -> int:
    """The bytes that the system took."""
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += client.send(bytes(1 << 16))
    return sent


def test_what_it_cannot_take_is_dropped_and_never_waited_for():
    with Guest() as guest:
        stop(guest.end._child.pid)
        frame = bytes(6) + MAC + b"\x88\xb5" + bytes(1400)
        for _ in range(20_000):  # to a process that stands: a wait would have no end
            guest.end.send(frame)
        assert guest.end.lost > 10_000 and len(guest.end._out) < user.OUTBOX + 2000
        os.kill(guest.end._child.pid, signal.SIGCONT)
        assert until(lambda: not guest.end._out)
        assert guest.arp("10.0.2.2") is not None  # in step: no frame was cut


@pytest.mark.parametrize("flushed", [True, False])
def test_many_frames_of_one_turn_go_together(flushed, monkeypatch):
    """In order and complete, by the turn's end or, in a long turn, by the watcher's thread."""
    writes, write = [], os.write
    with socket.socket(type=socket.SOCK_DGRAM) as server, Guest() as guest:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        port, link = server.getsockname()[1], guest.end._link
        monkeypatch.setattr(guest.end, "flush", lambda: None)  # after each frame of the guest's here
        monkeypatch.setattr(os, "write", lambda fd, data: (fd == link and writes.append(fd)) or write(fd, data))
        for number in range(60):
            guest.udp("10.0.2.2", port, number.to_bytes(2, "big") * 500)
        if flushed:
            UserNet.flush(guest.end)
        got = [server.recv(2000)[:2] for _ in range(60)]
        assert got == [number.to_bytes(2, "big") for number in range(60)] and guest.end.lost == 0
        assert len(writes) < 40


def test_frames_that_are_none():
    """Of any length and content: afterwards the network is as it was, or its process has ended and that was told."""
    draw = random.Random(1)
    kinds = (b"\x08\x00", b"\x08\x06", b"\x86\xdd", b"\x88\xb5")
    with Guest() as guest:
        for size in (0, 1, 13, 14, 15, 41, 59, 1514, 1515, 9000, 65535):
            guest.end.send(bytes(size))
        for _ in range(3000):
            head = guest.gateway + MAC + draw.choice(kinds)
            guest.end.send(head + draw.randbytes(draw.choice((0, 5, 20, 28, 46, 200, 1500))))
        assert until(lambda: guest.said or not guest.end._out)
        alive = not guest.said and guest.arp("10.0.2.2") is not None
        assert alive or (guest.said and "has ended" in guest.said[0])


def test_a_process_that_does_not_start(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(HostError, match="cannot start the process of netdev net0"):
        Guest()
    monkeypatch.undo()
    monkeypatch.setattr(slirp_child, "PROGRAM", "raise SystemExit('no network today')")
    with pytest.raises(HostError, match=r"its process has ended .*no network today"):
        Guest().__enter__()
