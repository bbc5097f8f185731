"""User-mode networking with the real library: what a guest gets from it, without a machine."""

import contextlib
import http.server
import os
import socket
import struct
import threading
import time
from functools import partial

import pytest

from playhead.base.errors import HostError, Refused, UsageError
from playhead.host.net.user import available
from tests.free_ports import free_port, free_ports
from tests.host.net.guest_stack import BROADCAST, IP6, MAC, WAIT_S, Guest, ip_payload

pytestmark = pytest.mark.skipif(not available(), reason="libslirp0 is not installed")

QUIET_S = 0.4  # in which something that must not come has not come
ROUTER_MAC = bytes.fromhex("333300000002")


@pytest.fixture
def guest():
    with Guest() as made:
        yield made


@pytest.fixture
def listening():
    """A TCP server on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT_S)
        yield server


def mac(number: int) -> bytes:
    return MAC[:5] + bytes([number])


def test_arp(guest):
    assert guest.arp("10.0.2.2") == bytes.fromhex("52550a000202")
    assert guest.arp("10.0.2.3") == bytes.fromhex("52550a000203")
    assert guest.arp("10.0.2.77", QUIET_S) is None


def test_dhcp_has_sixteen_leases(guest):
    assert [guest.lease(mac(n)) for n in range(16)] == [f"10.0.2.{15 + n}" for n in range(16)]
    assert guest.lease(mac(3)) == "10.0.2.18"
    assert guest.lease(mac(16), QUIET_S) is None


def test_dhcp_says_what_was_asked_for(tmp_path):
    given = ("net=192.168.7.0/25", "host=192.168.7.9", "dns=192.168.7.10", "dhcpstart=192.168.7.33", "hostname=box",
             "domainname=example.org", "dnssearch=a.example", "dnssearch=b.example", f"tftp={tmp_path}",
             "bootfile=start.ipxe", "tftp-server-name=server")  # fmt: skip
    with Guest(*given, address="192.168.7.33") as guest:
        offer = guest.dhcp(1, MAC)
        assert offer is not None
        assert socket.inet_ntoa(offer[0]) == "192.168.7.33"
        assert offer[1] == bytes([255, 255, 255, 128])
        assert (offer[3], offer[6]) == (bytes([192, 168, 7, 9]), bytes([192, 168, 7, 10]))
        assert (offer[12], offer[15], offer[66], offer[256]) == (b"box", b"example.org", b"server", b"start.ipxe")
        assert b"\1a\7example" in offer[119] and b"\1b" in offer[119]
        assert guest.arp("192.168.7.9") and guest.ping("192.168.7.9") == b"abcdefgh"


def test_a_lease_of_another_network_is_refused(guest):
    reply = guest.dhcp(3, MAC, (50, bytes([10, 9, 9, 9])))
    assert reply is not None and reply[53] == b"\6" and reply[0] == b"\xff" * 4


def test_ping(guest):
    assert guest.ping("10.0.2.2", bytes(range(200))) == bytes(range(200))


def test_http_from_this_machine(guest, tmp_path):
    data = os.urandom(300_000)
    (tmp_path / "file").write_bytes(data)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        one = guest.connect("10.0.2.2", server.server_port)
        one.send(b"GET /file HTTP/1.0\r\n\r\n")
        head, _, body = one.read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200") and body == data and one.done
        one.close()
    finally:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


def test_a_port_where_nobody_listens(guest):
    assert guest.connect("10.0.2.2", free_port()) is None


def test_an_upload_arrives(guest, listening):
    one = guest.connect("10.0.2.2", listening.getsockname()[1])
    client, _ = listening.accept()
    data = os.urandom(1400 * 20)
    for at in range(0, len(data), 1400):
        one.send(data[at : at + 1400])
    client.settimeout(WAIT_S)
    got = b""
    while len(got) < len(data):
        got += client.recv(1 << 16)
    assert got == data
    client.close()


def test_udp(guest):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(WAIT_S)
        guest.udp("10.0.2.2", server.getsockname()[1], b"question")
        data, back = server.recvfrom(100)
        assert data == b"question"
        server.sendto(b"answer", back)
        found = guest.datagram(4000)
        assert found is not None and found.data == b"answer" and found.source == "10.0.2.2"


def test_the_name_server_answers():
    with open("/etc/resolv.conf") as file:
        if not any(line.startswith("nameserver") for line in file):
            pytest.skip("this machine has no name server")
    question = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x09localhost\0\0\1\0\1"
    with Guest() as guest:
        guest.udp("10.0.2.3", 53, question)
        found = guest.datagram(4000, 3)
        if found is None:  # the machine's own may not answer: then the question has gone out, and waits
            assert not guest.said and "UDP" in guest.end.usernet()
        else:
            assert found.source == "10.0.2.3" and found.data[:2] == b"\x12\x34"


def test_what_is_not_acknowledged_is_sent_again_in_the_guests_time(guest, listening):
    one = guest.connect("10.0.2.2", listening.getsockname()[1])
    client, _ = listening.accept()
    client.sendall(b"lost on the way")
    assert one.segment().data == b"lost on the way"
    time.sleep(1.5)  # real time does not count
    assert one.segment(QUIET_S) is None
    guest.pass_time(1_200_000_000)  # two half seconds
    assert one.segment(QUIET_S) is None
    guest.pass_time(5_000_000_000)  # the guest has slept: the 3rd and the 9th
    assert one.segment().data == one.segment().data == b"lost on the way"
    assert one.segment(QUIET_S) is None
    one.ack += 15
    one.send()
    client.close()


def test_router_advertisement_and_neighbours(guest):
    guest.icmp6("ff02::2", 133, bytes(4), ROUTER_MAC)
    advertised = guest.first(lambda frame: icmp6_of(frame, 134))
    assert advertised is not None and socket.inet_pton(socket.AF_INET6, "fec0::") in advertised
    target = socket.inet_pton(socket.AF_INET6, "fec0::2")
    guest.icmp6("ff02::1:ff00:2", 135, bytes(4) + target + b"\1\1" + MAC, bytes.fromhex("3333ff000002"))
    neighbour = guest.first(lambda frame: icmp6_of(frame, 136))
    assert neighbour is not None and neighbour[8:24] == target


def test_tcp_over_ipv6():
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server, Guest() as guest:
        server.settimeout(WAIT_S)
        neighbour(guest)
        one = guest.connect("fec0::2", server.getsockname()[1])
        assert one is not None
        client, _ = server.accept()
        client.sendall(b"six")
        assert one.read(3) == b"six"
        client.close()


def neighbour(guest: Guest) -> None:
    """Learn the gateway's MAC address for IPv6, and tell it ours."""
    target = socket.inet_pton(socket.AF_INET6, "fec0::2")
    guest.icmp6("ff02::1:ff00:2", 135, bytes(4) + target + b"\1\1" + MAC, bytes.fromhex("3333ff000002"))
    guest.gateway = guest.first(lambda frame: frame[6:12] if icmp6_of(frame, 136) else None)


def icmp6_of(frame: bytes, kind: int) -> bytes | None:
    found = ip_payload(frame, 58) if frame[12:14] == IP6.to_bytes(2, "big") else None
    return found[1] if found is not None and found[1][0] == kind else None


@pytest.mark.parametrize("family", ["ipv4=off", "ipv6=off"])
def test_a_family_that_is_off(family):
    with Guest(family) as guest:
        has4 = guest.arp("10.0.2.2", WAIT_S if family == "ipv6=off" else QUIET_S) is not None
        guest.icmp6("ff02::2", 133, bytes(4), ROUTER_MAC)
        has6 = guest.first(lambda frame: icmp6_of(frame, 134), WAIT_S if family == "ipv4=off" else QUIET_S) is not None
        assert (has4, has6) == (family == "ipv6=off", family == "ipv4=off")


# ports that are forwarded


def test_hostfwd_tcp_and_udp():
    tcp, udp = free_ports(2)
    with Guest(f"hostfwd=tcp::{tcp}-:22", f"hostfwd=udp:127.0.0.1:{udp}-10.0.2.15:53") as guest:
        assert forwarded_tcp(guest, tcp, 22) and forwarded_udp(guest, udp, 53)
        assert not guest.said
        assert f"127.0.0.1 {tcp:5}       10.0.2.15    22" in guest.end.usernet()


def forwarded_tcp(guest: Guest, port: int, inside: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as client:
        one = guest.accept(inside)
        client.sendall(b"hello")
        assert one is not None and one.read(5) == b"hello"
        one.send(b"from inside")
        return client.recv(100) == b"from inside"


def forwarded_udp(guest: Guest, port: int, inside: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(WAIT_S)
        client.sendto(b"question", ("127.0.0.1", port))
        found = guest.datagram(inside)
        assert found is not None and found.data == b"question"
        guest.udp(found.source, found.sport, b"answer", inside)
        return client.recv(100) == b"answer"


def test_hostfwd_is_added_and_removed(guest):
    tcp, udp = free_ports(2)
    guest.end.hostfwd_add(f"tcp::{tcp}-:80")
    guest.end.hostfwd_add(f"udp::{udp}-:81")
    assert forwarded_tcp(guest, tcp, 80) and forwarded_udp(guest, udp, 81)
    with pytest.raises(Refused, match=f"cannot listen at tcp:127.0.0.1:{tcp}: Address already in use"):
        guest.end.hostfwd_add(f"tcp::{tcp}-:81")
    guest.end.hostfwd_remove(f"tcp::{tcp}")
    guest.end.hostfwd_remove(f"udp::{udp}")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", tcp), 5)
    with pytest.raises(Refused, match=f"tcp:127.0.0.1:{tcp}: not found"):
        guest.end.hostfwd_remove(f"tcp::{tcp}")
    with pytest.raises(UsageError, match="should be"):
        guest.end.hostfwd_add("tcp:22")


def test_a_forwarded_port_is_on_loopback_unless_asked_for():
    """Another address of this machine's: on Linux all of 127.0.0.0/8 are."""
    closed, opened = free_ports(2)
    with Guest(f"hostfwd=tcp::{closed}-:22", f"hostfwd=tcp:0.0.0.0:{opened}-:22") as guest:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", closed), 5)
        socket.create_connection(("127.0.0.2", opened), 5).close()
        assert len(guest.said) == 1 and f"tcp:0.0.0.0:{opened} is open to other machines" in guest.said[0]


def test_a_port_that_is_taken(listening):
    port = listening.getsockname()[1]
    said = f"^-netdev user,id=net0: hostfwd: cannot listen at tcp:127.0.0.1:{port}: Address already in use$"
    with pytest.raises(HostError, match=said):
        Guest(f"hostfwd=tcp::{port}-:22").__enter__()


def test_guestfwd_to_a_command():
    with Guest("guestfwd=tcp:10.0.2.100:80-cmd:cat") as guest:
        for sport in (5001, 5002):  # it is started for each connection
            one = guest.connect("10.0.2.100", 80, sport)
            one.send(b"there and back")
            assert one.read(14) == b"there and back"


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_guestfwd_to_a_socket(kind, listening, tmp_path):
    server = listening
    if kind == "unix":
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / "socket"))
        server.listen()
    target = f"unix:{tmp_path / 'socket'}" if kind == "unix" else f"tcp:127.0.0.1:{listening.getsockname()[1]}"
    with Guest(f"guestfwd=tcp:10.0.2.100:7-{target}") as guest:
        one = guest.connect("10.0.2.100", 7)
        client, _ = server.accept()
        one.send(b"to it")
        assert client.recv(100) == b"to it"
        client.sendall(b"back")
        assert one.read(4) == b"back"
        client.close()  # and is connected again, when this has been noticed there and the guest sends something
        server.settimeout(QUIET_S)
        again = None
        while again is None:
            one.send(b"lost or not")
            with contextlib.suppress(TimeoutError):
                again, _ = server.accept()
        again.close()
    server.close()


def test_guestfwd_where_nobody_listens():
    with pytest.raises(HostError, match=r"guestfwd: cannot connect to tcp:127\.0\.0\.1:\d+: Connection refused"):
        Guest(f"guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1:{free_port()}").__enter__()


# restrict=on


@pytest.mark.parametrize("restrict", ["on", "off"])
def test_restricted_the_guest_reaches_nothing_else(restrict, listening):
    """With restrict=off the same attempts get through, so they are ones that can."""
    inside, port = free_port(), listening.getsockname()[1]
    with contextlib.ExitStack() as stack:
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        given = (f"restrict={restrict}", f"hostfwd=tcp::{inside}-:22", "guestfwd=tcp:10.0.2.100:80-cmd:cat")
        guest = stack.enter_context(Guest(*given))
        assert guest.lease(MAC) == "10.0.2.15" and guest.ping("10.0.2.2") is not None
        for sport, to in enumerate(("10.0.2.2", "127.0.0.1"), 6000):
            guest.udp(to, udp.getsockname()[1], b"out")
            assert (guest.connect(to, port, sport, answers_s(restrict)) is None) == (restrict == "on")
        assert silent(listening, restrict) == silent(udp, restrict) == (restrict == "on")
        before = guest.end.usernet().count("UDP")
        guest.udp("10.0.2.3", 53, b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x09localhost\0\0\1\0\1", 4001)
        assert guest.end.usernet().count("UDP") - before == (restrict == "off")
        assert forwarded_tcp(guest, inside, 22)  # what was asked for works
        one = guest.connect("10.0.2.100", 80)
        one.send(b"allowed")
        assert one.read(7) == b"allowed"


@pytest.mark.parametrize("restrict", ["on", "off"])
def test_restricted_by_ipv6_too(restrict):
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp, Guest(f"restrict={restrict}") as guest:
        udp.bind(("::1", 0))
        neighbour(guest)
        for sport, to in ((6000, "fec0::2"), (6001, "::1")):
            guest.udp(to, udp.getsockname()[1], b"out")
            answered = guest.connect(to, server.getsockname()[1], sport, answers_s(restrict)) is not None
            assert answered == (restrict == "off")
        assert silent(server, restrict) == silent(udp, restrict) == (restrict == "on")


def answers_s(restrict: str) -> float:
    """How long to wait for what comes only if nothing is restricted."""
    return QUIET_S if restrict == "on" else WAIT_S


def silent(server: socket.socket, restrict: str) -> bool:
    server.settimeout(answers_s(restrict))
    try:
        server.recv(10) if server.type == socket.SOCK_DGRAM else server.accept()
    except TimeoutError:
        return True
    return False


# TFTP


def test_tftp(tmp_path):
    data = os.urandom(1428 * 2 + 5)
    (tmp_path / "kernel").write_bytes(data)
    (tmp_path.parent / "secret").write_bytes(b"secret")
    with Guest(f"tftp={tmp_path}", "bootfile=kernel") as guest:
        guest.udp("10.0.2.2", 69, b"\0\1kernel\0octet\0blksize\0001468\0")
        found = guest.datagram(4000)
        assert found.data == b"\0\6blksize\0001428\0"
        got, number = b"", 0
        while len(got) == 1428 * number:
            guest.udp("10.0.2.2", found.sport, struct.pack("!HH", 4, number))
            part = guest.datagram(4000)
            number += 1
            assert part.data[:4] == struct.pack("!HH", 3, number)
            got += part.data[4:]
        assert got == data
        for name in (b"../secret", b"/../secret", b"nothing"):
            guest.udp("10.0.2.2", 69, b"\0\1" + name + b"\0octet\0", 4001)
            assert guest.datagram(4001).data[:2] == b"\0\5"


def test_without_tftp_there_are_no_files(guest):
    guest.udp("10.0.2.2", 69, b"\0\1etc/passwd\0octet\0")
    found = guest.datagram(4000, QUIET_S)
    assert found is None or found.data[:2] == b"\0\5"


def test_the_broadcast_address_is_no_way_out(guest):
    assert guest.arp("10.0.2.255", QUIET_S) is None
    guest.send(0x88B5, b"a protocol that nobody knows", BROADCAST)
    assert guest.arp("10.0.2.2") is not None
