"""`-netdev socket`, `stream` and `dgram` joined to a real QEMU's, each way round: frames arrive whole."""

import shutil

import pytest

from tests.free_ports import free_ports
from tests.host.net.ends import QEMU, Open, Relay, wait_for

pytestmark = pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"there is no {QEMU}")

SMALL, USUAL, LARGEST = b"\x01" * 14, bytes(range(250)) * 6, b"\x03" * 65507
STREAMS = {
    "socket-listen": ("socket,listen=:{a}", "socket,connect=127.0.0.1:{a}"),
    "socket-connect": ("socket,connect=127.0.0.1:{a}", "socket,listen=127.0.0.1:{a}"),
    "stream-inet-server": ("stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port={a}",
                           "stream,addr.type=inet,addr.host=127.0.0.1,addr.port={a}"),
    "stream-inet-client": ("stream,reconnect=1,addr.type=inet,addr.host=127.0.0.1,addr.port={a}",
                           "stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port={a}"),
    "stream-unix-server": ("stream,server=on,addr.type=unix,addr.path={dir}/a",
                           "stream,addr.type=unix,addr.path={dir}/a"),
    "stream-unix-client": ("stream,reconnect=1,addr.type=unix,addr.path={dir}/a",
                           "stream,server=on,addr.type=unix,addr.path={dir}/a"),
}  # fmt: skip
DATAGRAMS = {
    "socket-udp": ("socket,udp=127.0.0.1:{a},localaddr=127.0.0.1:{b}",
                   "socket,udp=127.0.0.1:{b},localaddr=127.0.0.1:{a}"),
    "socket-mcast": ("socket,mcast=230.0.0.9:{a},localaddr=127.0.0.1",) * 2,
    "dgram-inet": ("dgram,local.type=inet,local.host=127.0.0.1,local.port={a},"
                   "remote.type=inet,remote.host=127.0.0.1,remote.port={b}",
                   "dgram,local.type=inet,local.host=127.0.0.1,local.port={b},"
                   "remote.type=inet,remote.host=127.0.0.1,remote.port={a}"),
    "dgram-unix": ("dgram,local.type=unix,local.path={dir}/a,remote.type=unix,remote.path={dir}/b",
                   "dgram,local.type=unix,local.path={dir}/b,remote.type=unix,remote.path={dir}/a"),
    "dgram-mcast": ("dgram,remote.type=inet,remote.host=230.0.0.9,remote.port={a},local.type=inet,local.host=127.0.0.1,"
                    "local.port=0",) * 2,
}  # fmt: skip
WHERE = {  # what `info network` shows of clients
    "socket-connect": "socket: connect to 127.0.0.1:{a}",
    "stream-inet-client": "tcp:127.0.0.1:{a}",
    "stream-unix-client": "unix:{dir}/a",
}
FAR = "socket,udp=127.0.0.1:{y},localaddr=127.0.0.1:{x}"  # QEMU's other side
NEAR = "socket,udp=127.0.0.1:{x},localaddr=127.0.0.1:{y}"


@pytest.fixture
def places(tmp_path):
    a, b, x, y = free_ports(4)
    return {"a": a, "b": b, "x": x, "y": y, "dir": tmp_path}


def exchange(near, ours, frames, before=()):
    """What goes in at one side comes out at the other. Frames of `before` may still come in between."""
    for here, there in ((ours, near), (near, ours)):
        here.send(*frames)
        came = []
        while len(came) < len(frames):
            came += [frame for frame in there.take(1) if frame not in before]
        assert came == list(frames)


@pytest.mark.parametrize("kind", STREAMS)
def test_stream_with_qemu(kind, places):
    mine, theirs = (text.format(**places) for text in STREAMS[kind])
    with Open(NEAR.format(**places)) as near:
        if "listen=" in mine or "server=on" in mine:
            with Open(mine) as ours, Relay(theirs, FAR.format(**places)):
                wait_for(lambda: ours.end.connected)
                exchange(near, ours, (SMALL, USUAL, LARGEST))
        else:
            with Relay(theirs, FAR.format(**places)) as qemu:
                qemu.wait_until_it_listens()
                with Open(mine) as ours:
                    wait_for(lambda: ours.end.connected)
                    exchange(near, ours, (SMALL, USUAL, LARGEST))
                    assert ours.end.where == WHERE[kind].format(**places)


@pytest.mark.parametrize("kind", DATAGRAMS)
def test_datagrams_with_qemu(kind, places):
    mine, theirs = (text.format(**places) for text in DATAGRAMS[kind])
    with Open(NEAR.format(**places)) as near, Open(mine) as ours, Relay(theirs, FAR.format(**places)):

        def there():
            ours.send(SMALL)
            return near.end.waiting

        wait_for(there)
        exchange(near, ours, (USUAL, LARGEST), before=(SMALL,))


def test_a_second_qemu_comes_when_the_first_has_gone(places):
    with Open("socket,listen=:{a}".format(**places)) as ours:
        for n in range(2):
            with Open(NEAR.format(**places)) as near, Relay("socket,connect=127.0.0.1:{a}".format(**places),
                                                           FAR.format(**places)):  # fmt: skip
                wait_for(lambda: ours.end.connected)
                exchange(near, ours, (b"%d" % n * 60,))
            wait_for(lambda: not ours.end.connected)
        ours.send(USUAL)  # to nobody
    assert ours.said == []
