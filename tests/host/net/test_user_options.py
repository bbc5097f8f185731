"""`-netdev user`: keys, defaults and mistakes, as QEMU 7.2 has them."""

import shutil
import subprocess

import pytest

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.host.chardev.spec import parse_chardev
from playhead.host.net.forwards import GuestForward, HostForward, guest_forward, host_end, host_forward
from playhead.host.net.user_options import HELP, KEYS, REFUSED, UserOptions, user_options


def options(text: str) -> UserOptions:
    pairs = [tuple(part.split("=", 1)) for part in text.split(",") if part]
    return user_options(pairs)


def test_what_holds_without_keys():
    assert options("") == UserOptions()


@pytest.mark.parametrize(("net", "found"), [
    ("10.0.2.5", "10.0.0.0/255.0.0.0"), ("172.20.0.0", "172.16.0.0/255.240.0.0"),
    ("150.1.2.3", "150.1.0.0/255.255.0.0"), ("192.168.5.0", "192.168.0.0/255.255.0.0"),
    ("198.18.5.0", "198.18.0.0/255.254.0.0"), ("200.1.2.0", "200.1.2.0/255.255.255.0"),
    ("224.0.0.0", "224.0.0.0/255.255.255.240"), ("240.1.2.3", "240.1.2.0/255.255.255.240"),
    ("10.0.2.0/255.255.0.0", "10.0.0.0/255.255.0.0"), ("10.0.2.0/4", "0.0.0.0/240.0.0.0"),
    ("10.9.8.7/24", "10.9.8.0/255.255.255.0"), ("10.0.2.0/29", "10.0.2.0/255.255.255.248"),
])  # fmt: skip
def test_networks_as_qemu_has_them(net, found):
    made = options(f"net={net}")
    assert f"{made.net}/{made.mask}" == found
    if shutil.which("qemu-system-i386") is None:
        pytest.skip("qemu-system-i386 is not installed: not compared with it")
    words = ["qemu-system-i386", "-display", "none", "-S", "-M", "none", "-monitor", "stdio"]
    said = subprocess.run([*words, "-netdev", f"user,id=n,net={net}"], input="info network\nq\n", capture_output=True,
                          text=True, timeout=300).stdout  # fmt: skip
    assert f"net={made.net},restrict=off" in said


def test_addresses_follow_from_the_network():
    made = options("net=192.168.7.0/24")
    assert (made.host, made.dns, made.dhcpstart) == ("192.168.7.2", "192.168.7.3", "192.168.7.15")
    made = options("net=10.0.0.0/8,dns=9.9.9.9")
    assert (made.host, made.dns, made.dhcpstart) == ("10.0.2.2", "9.9.9.9", "10.0.2.15")
    made = options("ipv6-net=fec1:2::5/48")
    assert (made.ipv6_prefix, made.ipv6_host, made.ipv6_dns) == ("fec1:2::", "fec1:2::2", "fec1:2::3")
    assert made.ipv6_prefixlen == 48


@pytest.mark.parametrize(("text", "families"), [
    ("", (True, True)), ("ipv4=on", (True, False)), ("ipv6=on", (False, True)), ("ipv4=off", (False, True)),
    ("ipv6=off", (True, False)), ("ipv4=on,ipv6=on", (True, True)),
])  # fmt: skip
def test_a_family_that_is_asked_for_alone_is_the_only_one(text, families):
    made = options(text)
    assert (made.ipv4, made.ipv6) == families


MISTAKES = {
    "net=abc": "'abc' is no IPv4 address", "net=10.0.2.0/33": "/33 is no length", "net=10.0.2.0/3": "/3 is no length",
    "net=10.0.2.0/255.0.255.0": "no mask", "net=10.0.2": "no IPv4 address", "net=10.0.2.0/": "no IPv4 address",
    "host=11.0.0.1": "host=11.0.0.1 is not in the network 10.0.2.0/24", "dhcpstart=10.0.3.1": "not in the network",
    "dhcpstart=10.0.2.2": "the address of host= or dns=", "net=10.0.2.0/30": "the address of host= or dns=",
    "dns=10.0.2.2": "they have to differ", "restrict=on,dns=1.2.3.4": "dns=1.2.3.4 is not in the network",
    "restrict=perhaps": "'perhaps' is not on or off", "ipv4=off,ipv6=off": "leaves no network",
    "ipv4=off,net=10.0.2.0/24": "net= is for ipv4, which is off",
    "ipv6=off,ipv6-host=fec0::2": "ipv6-host= is for ipv6, which is off",
    "ipv6-prefix=zz": "'zz' is no IPv6 address", "ipv6-prefixlen=127": "can be 0 to 126",
    "ipv6-net=x/64": "'x' is no IPv6 address",
    "ipv6-net=fec0::/200": "can be 0 to 126", "ipv6-host=fed0::2": "not in the network fec0::/64",
    "restrict=on,ipv6-dns=2001::1": "not in the network", "hostname=": "it is empty",
    "hostname=" + 33 * "a": "longer than 32 bytes", "bootfile=" + 128 * "a": "longer than 127 bytes",
    "domainname=": "it is empty", "dnssearch=a..b": "no domain name", "dnssearch=": "no domain name",
    "tftp=/nonexistent/folder": "is no folder", "hostfwd=tcp:22": "should be", "hostfwd=tcp::99999-:22": "is no port",
    "hostfwd=icmp::5-:6": "'icmp' is no protocol", "hostfwd=tcp::5-10.0.2.15": "should be",
    "hostfwd=tcp::5-:0": "1 to 65535",
    "hostfwd=tcp:localhost:5-:6": "'localhost' is no IPv4", "hostfwd=tcp:[::1]:5-:6": "IPv4 addresses",
    "guestfwd=tcp:10.0.2.100:80": "should be", "guestfwd=udp:10.0.2.100:80-cmd:cat": "'udp' is no protocol",
    "guestfwd=tcp:10.1.2.100:80-cmd:cat": "not in the network", "guestfwd=tcp:10.0.2.2:80-cmd:cat": "host= or dns=",
    "guestfwd=tcp:10.0.2.9:80-null": "'null' is not supported", "guestfwd=tcp:10.0.2.9:80-tcp:1.2.3.4": "tcp:HOST:PORT",
    "guestfwd=tcp:10.0.2.9:80-cmd:a,guestfwd=tcp:10.0.2.9:80-cmd:b": "is given twice",
    "smb=/tmp": "smb=/tmp: it is not supported", "smbserver=10.0.2.4": "smbserver=10.0.2.4: it is not supported",
    "foo=1": "unknown key 'foo'", "hostfwdd=x": "did you mean 'hostfwd'?",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_line(text):
    with pytest.raises((UsageError, UnsupportedError)) as e:
        options(text)
    assert MISTAKES[text] in str(e.value) and "\n" not in str(e.value)


def test_forwards():
    assert host_forward("tcp::2222-:22") == HostForward(False, "127.0.0.1", 2222, "", 22)
    assert host_forward(":0.0.0.0:0-10.0.2.16:80") == HostForward(False, "0.0.0.0", 0, "10.0.2.16", 80)
    assert host_forward("udp:127.0.0.2:0x35-:53") == HostForward(True, "127.0.0.2", 53, "", 53)
    assert host_end("udp::53") == HostForward(True, "127.0.0.1", 53)
    assert [host_forward(f"tcp:{host}:1-:1").is_open for host in ("", "127.0.0.1", "0.0.0.0", "10.1.2.3")] == [
        False, False, True, True]  # fmt: skip
    assert guest_forward("tcp::80-cmd:a -b c:d") == GuestForward("", 80, command="a -b c:d")
    assert guest_forward("tcp:10.0.2.9:80-tcp:[::1]:81,server=off").host == "::1"
    for rule in ("tcp::1-:99999999999999999999", "tcp::-1-:1", "tcp:1.2.3.4.5:1-:1", "", "-", "::-:"):
        with pytest.raises(PlayheadError):
            host_forward(rule)


def test_a_guestfwd_through_a_chardev():
    chardevs = {spec.id: spec for spec in map(parse_chardev, (
        "socket,id=tcp,host=127.0.0.1,port=81", "socket,id=unix,path=/tmp/s", "socket,id=server,port=1,server=on",
        "null,id=null"))}  # fmt: skip

    def made(id: str) -> GuestForward:
        return user_options([("guestfwd", f"tcp::80-chardev:{id}")], chardevs).guestfwd[0]

    assert made("tcp") == GuestForward("", 80, host="127.0.0.1", host_port=81)
    assert made("unix") == GuestForward("", 80, path="/tmp/s")
    for id in ("server", "null"):
        with pytest.raises(UnsupportedError, match="is no socket that connects to a program"):
            made(id)
    with pytest.raises(UsageError, match="guestfwd=tcp::80-chardev:none: there is no -chardev with the id 'none'"):
        made("none")


def test_several_of_what_may_be_given_several_times(tmp_path):
    made = options(f"hostfwd=tcp::1-:1,hostfwd=tcp::2-:2,dnssearch=a,dnssearch=b.c,tftp=/usr,tftp={tmp_path}")
    assert [one.host_port for one in made.hostfwd] == [1, 2]
    assert made.dnssearch == ("a", "b.c") and made.tftp == str(tmp_path)


def test_every_key_has_help():
    assert set(HELP) | set(REFUSED) == set(KEYS)
    assert not set(HELP) & set(REFUSED)
