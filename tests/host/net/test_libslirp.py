"""What is passed to libslirp, by its version, and the clock that its timers follow."""

import ctypes
from types import SimpleNamespace

import pytest

from playhead.host.net.guest_time import GuestTime
from playhead.host.net.libslirp import TIMER, Callbacks, Config, Library, Network, Unusable
from playhead.host.net.user_options import user_options

S = 1_000_000_000
# of the structures in libslirp.h, as a C compiler places them on a 64-bit machine: each version's last field, and some
CONFIG_ENDS = {"enable_emu": 153, "outbound_addr6": 168, "disable_dns": 176, "disable_dhcp": 177, "mfr_id": 180,
               "oob_eth_addr": 184, "vprefix_addr6": 28, "vhost6": 48, "vhostname": 64,
               "vnameserver6": 104, "vdomainname": 128}  # fmt: skip
CALLBACK_ENDS = {"notify": 64, "timer_new_opaque": 80, "unregister_poll_socket": 96}


class Function:
    """A C function: its types are set, and it is called. `body` sees the arguments."""

    def __init__(self, body):
        self.body = body
        self.argtypes = self.restype = None

    def __call__(self, *arguments):
        return self.body(*arguments)


class FakeLibrary:
    """A libslirp of some version, which keeps what it is given."""

    def __init__(self, version, without=()):
        self.config, self.callbacks, self.handled = None, None, []
        names = ["slirp_cleanup", "slirp_pollfds_fill", "slirp_pollfds_poll", "slirp_input", "slirp_add_hostfwd",
                 "slirp_remove_hostfwd", "slirp_add_exec", "slirp_add_guestfwd", "slirp_socket_can_recv",
                 "slirp_socket_recv", "slirp_connection_info", "g_free"]  # fmt: skip
        number = tuple(map(int, version.split(".")[:2]))
        names += ["slirp_handle_timer"] if number >= (4, 7) else []
        names += ["slirp_pollfds_fill_socket"] if number >= (4, 9) else []
        for name in names:
            setattr(self, name, Function(lambda *arguments: 0))
        self.slirp_version_string = Function(lambda: version.encode())
        self.slirp_new = Function(self._new)
        if number >= (4, 7):
            self.slirp_handle_timer = Function(lambda *arguments: self.handled.append(arguments[1:]))
        for name in without:
            delattr(self, name)

    def _new(self, config, callbacks, opaque):
        self.config, self.callbacks = config._obj, callbacks._obj
        return 4711


def network(version, text="", now_ns=lambda: 0, send=lambda frame: None):
    fake = FakeLibrary(version)
    pairs = [tuple(part.split("=", 1)) for part in text.split(",") if part]
    return fake, Network(Library(fake), user_options(pairs)._asdict(), send, now_ns)


def test_structures_are_laid_out_as_in_c():
    assert {name: getattr(Config, name).offset for name in CONFIG_ENDS} == CONFIG_ENDS
    assert {name: getattr(Callbacks, name).offset for name in CALLBACK_ENDS} == CALLBACK_ENDS


@pytest.mark.parametrize(("version", "config"), [
    ("4.4.0", 3), ("4.5.0", 3), ("4.6.1", 3), ("4.7.0", 4), ("4.7.0-1+b1", 4), ("4.8.0", 5), ("4.9.5", 6),
    ("4.12.0", 6), ("5.0.0", 6),
])  # fmt: skip
def test_each_version_gets_a_structure_that_it_takes(version, config):
    asked = "net=192.168.3.0/24,restrict=on,hostname=box,dnssearch=a,dnssearch=b,ipv6-net=fec5::/64"
    fake, made = network(version, asked)
    given = fake.config
    assert given.version == config and made.handle == 4711
    assert (given.restricted, given.in_enabled, given.in6_enabled, given.enable_emu) == (1, True, True, False)
    assert bytes(given.vnetwork) == bytes([192, 168, 3, 0]) and bytes(given.vhost) == bytes([192, 168, 3, 2])
    assert bytes(given.vnetmask) == bytes([255, 255, 255, 0]) and bytes(given.vdhcp_start)[3] == 15
    assert bytes(given.vprefix_addr6)[:2] == b"\xfe\xc5" and given.vprefix_len == 64
    assert bytes(given.vhost6)[-1] == 2 and bytes(given.vnameserver6)[-1] == 3
    assert given.vhostname == b"box" and given.tftp_path is None and given.bootfile is None
    assert [given.vdnssearch[n] for n in range(3)] == [b"a", b"b", None]
    assert made.lib.fill is (fake.slirp_pollfds_fill_socket if config >= 6 else fake.slirp_pollfds_fill)


@pytest.mark.parametrize("version", ["4.4.0", "4.7.0"])
def test_timers_by_both_interfaces(version):
    fake, made = network(version)
    rung = []
    ring = TIMER(lambda argument: rung.append(argument))
    if version == "4.4.0":
        timer = fake.callbacks.timer_new(ctypes.cast(ring, ctypes.c_void_p).value, 77, None)
    else:
        timer = fake.callbacks.timer_new_opaque(0, 77, None)
    fake.callbacks.timer_mod(timer, 100, None)
    made.ring(99)
    assert not rung and not fake.handled
    made.ring(100)
    made.ring(1000)
    assert rung == ([77] if version == "4.4.0" else []) and fake.handled == ([] if version == "4.4.0" else [(0, 77)])
    fake.callbacks.timer_mod(timer, 2000, None)
    fake.callbacks.timer_free(timer, None)
    made.ring(5000)
    assert len(rung) + len(fake.handled) == 1


def test_frames_and_the_clock():
    sent = []
    fake, _ = network("4.7.0", now_ns=lambda: 5 * S, send=sent.append)
    buffer = ctypes.create_string_buffer(b"a frame", 7)
    assert fake.callbacks.send_packet(ctypes.addressof(buffer), 7, None) == 7 and sent == [b"a frame"]
    assert fake.callbacks.clock_get_ns(None) == 5 * S


@pytest.mark.parametrize(("fake", "reason"), [
    (FakeLibrary("4.3.1"), "is version 4.3.1; a user-mode network needs 4.4 or a later one: apt install libslirp0"),
    (FakeLibrary("3.0"), "is version 3.0;"), (FakeLibrary("4.7.0", ["slirp_new"]), "it has no slirp_new"),
])  # fmt: skip
def test_a_library_that_is_too_old(fake, reason):
    with pytest.raises(Unusable) as e:
        Library(fake)
    assert reason in str(e.value)


def test_a_network_that_the_library_does_not_take():
    fake = FakeLibrary("4.7.0")
    fake.slirp_new = Function(lambda *arguments: None)
    with pytest.raises(Unusable, match="does not take"):
        Network(Library(fake), user_options([])._asdict(), lambda frame: None, lambda: 0)


def test_the_clock_goes_over_jumps_in_steps():
    guest = SimpleNamespace(ns=3 * S)
    time = GuestTime(lambda: guest.ns)

    def passed(ns, stands=False):
        guest.ns += ns
        return [time.now_ns for _ in time.steps(stands)]

    assert passed(0) == [] and time.now_ns == 0
    assert passed(S // 2) == [] and time.now_ns == S // 2
    assert passed(7 * S // 4) == [S, 3 * S // 2, 2 * S] and time.now_ns == 9 * S // 4
    assert passed(5 * S, stands=True) == [] and time.now_ns == 9 * S // 4  # no frames are taken
    assert passed(-6 * S) == [] and time.now_ns == 9 * S // 4  # a saved state was loaded
    assert passed(S // 4) == [] and time.now_ns == 5 * S // 2
    assert len(passed(100 * 3600 * S)) == 7199
