"""A session, packet by packet, as a client sees it."""

import re
import xml.etree.ElementTree as ET

import pytest
from gdb_client import Client, console, packet, replies
from fake_target import DATA, LAST, LOOP, READ_ONLY, STORE, FakeTarget

from playhead.base.errors import Refused, UnsupportedError
from playhead.gdb.description import documents
from playhead.gdb.packets import PACKET_SIZE
from playhead.gdb.registers import FLAGS, NUMBER, REGISTERS
from playhead.gdb.server import GdbSession
from playhead.gdb.target import Stop


@pytest.fixture
def client():
    return Client(FakeTarget())


@pytest.fixture
def writing():
    return Client(FakeTarget(writable=True))


def little(value: int, size: int = 4) -> str:
    return value.to_bytes(size, "little").hex()


def test_acknowledgements(client):
    session = client.session
    session.receive(b"$?#00")
    assert session.take_output() == b"-"
    session.receive(b"$?#3f")
    reply = b"$T05thread:01;#07"
    assert session.take_output() == b"+" + reply
    session.receive(b"-----")
    assert session.take_output() == reply  # once, however often
    session.receive(b"+-")
    assert session.take_output() == b""
    session.receive(packet(b"QStartNoAckMode"))
    assert session.take_output() == b"+" + packet(b"OK")
    session.receive(b"+$?#00$?#3f-")
    assert session.take_output() == reply


def test_supported(client):
    said = client.ask("qSupported:multiprocess+;swbreak+;xmlRegisters=i386").decode().split(";")
    assert said[0] == "PacketSize=4000" and {"ReverseStep+", "ReverseContinue+", "ConditionalBreakpoints+"} <= set(said)
    assert "ReverseStep+" not in Client(FakeTarget(can_reverse=False)).ask("qSupported").decode()


@pytest.mark.parametrize("ask, reply", [
    ("?", "T05thread:01;"), ("", ""), ("vMustReplyEmpty", ""), ("nonsense", ""), ("qCRC:0,1", ""), ("Z5,0,1", ""),
    ("vCont?", "vCont;c;C;s;S"), ("qC", "QC01"), ("qfThreadInfo", "m01"), ("qsThreadInfo", "l"), ("qAttached", "1"),
    ("qAttached:1", "1"), ("Hg0", "OK"), ("Hc-1", "OK"), ("Hgp1.1", "OK"), ("Hg2", "E22"), ("H", "E22"), ("T1", "OK"),
    ("T01", "OK"), ("T2", "E22"), ("qThreadExtraInfo,1", b"CPU#0".hex()), ("qSymbol::", "OK"),
    ("qqemu.sstepbits", "ENABLE=1"), ("qqemu.sstep", "0x1"), ("Qqemu.sstep=7", "E22"), ("Qqemu.sstep=1", "OK"),
    ("qqemu.Supported", "sstepbits;sstep;PhyMemMode"), ("qqemu.PhyMemMode", "0"), ("m1000,5", "b800000000"),
    ("m3fff,4", "00"), ("m4000,4", "E14"), ("mffffffffffffffff,ffffffff", "E14"), ("m1000", "E22"), ("m_1,1", "E22"),
    ("m1000,-1", "E22"), ("m10000000000000000,1", "E22"), ("p8", little(0x1000)), ("p1000", "E14"), ("p", "E22"),
    ("P8", "E22"), ("G00", "E22"), ("Z0,1000", "E22"), ("Z2,2000,0", "E22"), ("z0,1000,1", "OK"), ("vCont;x", "E22"),
    ("vCont", "E22"), ("vCont;c:2", "E22"), ("Z0,1000,1;X2,27", "E22"), ("Z0,1000,1;cmds:0,X1,27", "E22"),
])  # fmt: skip
def test_answers(client, ask, reply):
    assert client.ask(ask).decode() == reply


def test_registers(client):
    classic = client.ask("g")
    assert len(classic) == 2 * (24 * 4 + 8 * 10)
    client.ask("qXfer:features:read:target.xml:0,1")
    g = client.ask("g")
    assert len(g) == 2 * sum(r.size for r in REGISTERS) and g.startswith(classic)
    assert g[8 * 8 : 9 * 8].decode() == little(0x1000)  # eip
    for register in REGISTERS:
        expected = "xx" * 4  # the fake has no dr7
        if register.name != "dr7":
            expected = little(client.target.read_register(register.name), register.size)
        assert client.ask(f"p{NUMBER[register.name]:x}").decode() == expected
        assert expected.encode() in g


def test_description_is_the_table(client):
    shown = {}
    client.ask("qSupported:xmlRegisters=i386,arm,mips,arc")
    for annex in ("target.xml", "i386-core.xml", "i386-system.xml"):
        text, step, reply = b"", 0x100, b"m"
        while reply[:1] == b"m":
            reply = client.ask(f"qXfer:features:read:{annex}:{len(text):x},{step:x}")
            text += re.sub(rb"}(.)", lambda found: bytes([found[1][0] ^ 0x20]), reply[1:])
        assert text == documents(True)[annex]
        shown[annex] = ET.fromstring(text)
    described = [reg.attrib for annex in list(shown)[1:] for reg in shown[annex].iter("reg")]
    assert [(r["name"], int(r["bitsize"])) for r in described] == [(r.name, r.bits) for r in REGISTERS]
    assert [int(r["regnum"]) for r in described] == list(range(len(REGISTERS)))
    defined = {flags.attrib["id"] for tree in shown.values() for flags in tree.iter("flags")}
    assert defined == set(FLAGS)
    assert client.ask("qXfer:features:read:other.xml:0,10") == b"E00"
    assert client.ask("qXfer:features:read:target.xml:ffff,10") == b"E00"
    assert client.ask("qXfer:memory-map:read::0,10") == b""


@pytest.mark.parametrize("features, told", [
    ("xmlRegisters=i386", False), ("multiprocess+;xmlRegisters=i386;swbreak+", False),
    ("xmlRegisters=i386,arm,mips,arc", True), ("swbreak+", True),
])  # fmt: skip
def test_the_architecture_is_not_told_to_gdb(client, features, told):
    """gdb 13 would keep decoding 32-bit code; tests/timeline/test_gdb_segments.py has that with a gdb."""
    client.ask("qSupported:" + features)
    assert (b"<architecture>i386</architecture>" in client.ask("qXfer:features:read:target.xml:0,1000")) == told


def test_writing(writing):
    assert writing.ask(f"P0={little(0x1234)}") == b"OK" and writing.ask("p0").decode() == little(0x1234)
    all_of_them = writing.ask("g").replace(b"x", b"0")
    assert writing.ask(b"G" + little(5).encode() + all_of_them[8:]) == b"OK" and writing.ask("p0").decode() == little(5)
    assert writing.ask("M2000,2:abcd") == b"OK" and writing.ask("m2000,3") == b"abcdff"
    assert writing.ask("M2000,2:ab") == b"E22" and writing.ask("M2000,1:zz") == b"E22"
    assert writing.ask(b"X2000,0:") == b"OK"
    assert writing.ask(b"X2000,4:}\x03\x01}\x04*".replace(b"*", b"}\x0a")) == b"OK"
    assert writing.ask("m2000,4") == b"#\x01$*".hex().encode()


def test_writing_is_refused(client):
    refusal = b"E." + READ_ONLY.encode()
    assert client.ask(f"P0={little(0x1234)}") == refusal  # gdb 13 shows this
    assert client.ask(f"P0={little(0)}") == b"OK"  # nothing would change
    g = client.ask("g")
    assert client.ask(b"G" + g) == b"OK" and client.ask(b"G01" + g[2:]) == refusal
    assert client.ask("M2000,1:00") == b"E01" and client.ask("M2000,1:00") == b"E01"  # and does not show that
    shown = client.send(packet(b"s"))
    assert console(shown) == READ_ONLY + "\n" and shown[-1] == b"T05thread:01;"
    assert client.ask("qSupported:error-message+")
    assert client.ask("M2000,1:00") == refusal and len(client.send(packet(b"s"))) == 1


def test_the_reason_for_gdbs_that_do_not_show_it(client):
    """`inside_gdb.py` asks for it before each prompt."""
    assert client.ask("qPlayhead.Said") == b"0"
    assert client.ask("M2000,1:00") == b"E01" and client.ask("X2000,1:a") == b"E01"
    assert bytes.fromhex(client.ask("qPlayhead.Said")[1:].decode()).decode() == READ_ONLY
    assert client.ask("qPlayhead.Said") == b"0" and client.send(packet(b"s")) == [b"T05thread:01;"]


def test_lldb_shows_what_it_does_not_expect(client):
    client.ask("qSupported:xmlRegisters=i386,arm,mips,arc")
    assert client.ask("M2000,1:00") == b"E." + READ_ONLY.encode() and client.ask("qPlayhead.Said") == b"0"


def test_a_reason_is_sent_without_the_characters_of_framing(client):
    client.ask("qSupported:error-message+")
    client.target.write_memory = refuse
    assert client.ask("M2000,1:00") == b"E.costs 5? ?? ?a? ?"


def refuse(*arguments):
    raise Refused("costs 5$ #* }a} é")


def test_any_error_of_ours_is_a_refusal(client):
    def fail(*arguments):
        raise UnsupportedError("not this one")

    client.target.write_register = client.target.write_memory = client.target.insert = client.target.resume = fail
    assert client.ask(f"P0={little(1)}") == b"E.not this one"
    assert client.ask("M2000,1:00") == client.ask("Z0,1000,1") == client.ask("c") == b"E01" and not client.target.points
    client.target.read_register = fail
    assert client.ask("p0") == b"xxxxxxxx"


def test_physical_memory(client):
    assert client.ask("Qqemu.PhyMemMode:1") == b"OK" and client.ask("qqemu.PhyMemMode") == b"1"
    assert client.ask("m1000,1") == b"E14" and client.ask("m101000,1") == b"b8"
    assert client.ask("Qqemu.PhyMemMode:0") == b"OK" and client.ask("m1000,1") == b"b8"


def test_long_reads_are_cut(client):
    client.target.states[0].memory = bytes(1 << 20)
    assert PACKET_SIZE - 16 < len(client.ask("m0,fffff")) <= PACKET_SIZE - 4


def test_steps(client):
    assert client.ask("s") == b"T05thread:01;" and client.ask("p8").decode() == little(LOOP)
    assert client.ask("vCont;s:1;c") == b"T05thread:01;" and client.ask("p8").decode() == little(STORE)
    assert client.ask("bs") == b"T05thread:01;" and client.ask("bs") == b"T05thread:01;"
    assert client.ask("bs") == b"T05thread:01;replaylog:begin;"
    assert client.ask("vCont;S05:p1.1") == client.ask("S05") == b"T05thread:01;"
    assert client.ask("c") == b"T05thread:01;replaylog:end;" and client.ask("C05") == b"T05thread:01;replaylog:end;"
    assert client.ask("bc") == b"T05thread:01;replaylog:begin;"


def test_going_from_elsewhere(client, writing):
    assert client.ask("s1005") == b"E01" and client.target.log == []  # EIP cannot be changed in a replay
    assert writing.ask("s1006") == b"T05thread:01;" and writing.target.states[0].registers["eip"] == 0x1006
    assert writing.ask("S05;100b") == b"T05thread:01;" and writing.target.states[1].registers["eip"] == 0x100B
    assert writing.ask("czz") == writing.ask("C") == b"E22"


def test_breakpoints_say_what_they_are_to_those_who_ask(client):
    assert client.ask(f"Z0,{STORE:x},1") == b"OK" and client.ask("c") == b"T05thread:01;"
    client.ask("qSupported:swbreak+;hwbreak+")
    assert client.ask("c") == b"T05thread:01;swbreak:;"
    assert client.ask(f"z0,{STORE:x},1") == client.ask(f"Z1,{LAST:x},1") == b"OK"
    assert client.ask("c") == b"T05thread:01;hwbreak:;"
    assert client.ask(f"Z0,{LOOP:x},1") == b"OK" and client.ask("bc") == b"T05thread:01;swbreak:;"


@pytest.mark.parametrize("kind, name", [(0, "swbreak"), (1, "hwbreak")])
def test_a_breakpoint_is_claimed_where_eip_is_its_address(client, kind, name):
    """Elsewhere gdb would not find it at EIP, and continue without a word."""
    client.ask("qSupported:swbreak+;hwbreak+")
    assert client.ask(f"Z{kind},{STORE:x},1") == b"OK"
    for state in client.target.states:
        state.registers["cs"], state.registers["cs_base"] = 0x7C0, 0x7C00
    said = client.send(packet(b"c"))
    assert said[-1] == b"T05thread:01;" and console(said[:-1]) == (
        "breakpoint at linear address 0x8c06, which is 07c0:1006\n"
    )
    for state in client.target.states:
        state.registers["cs_base"] = 0
    assert client.send(packet(b"c")) == [b"T05thread:01;%s:;" % name.encode()]


def test_rr_commands(client):
    def rr(*words: str) -> bytes:
        return client.ask("qRRCmd:" + ":".join(word.encode().hex() for word in words))

    assert bytes.fromhex(rr("when").decode()) == b"Current event: 0\n" and rr("unheard-of", "1") == b""
    assert client.target.log == ["rr when []", "rr unheard-of ['1']"]
    assert rr("forbidden") == b"E01" and client.ask("qRRCmd:7") == b"E22" and client.ask("qRRCmd") == b""


def test_extended_mode(client):
    """A recording is run again on the same connection, whatever has been inserted; `vRun` with a moment stays there."""
    assert client.ask("vRun;;31").startswith(b"T05") and client.ask("c") == b"T00thread:01;"
    assert client.ask("vAttach;1") == b"" and client.ask("!") == b"OK"
    client.ask(f"Z0,{LAST:x},1")
    assert client.ask("vKill;1") == b"OK" and not client.target.points and client.session.ended is None
    assert client.ask("vRun;66;" + b"5".hex()) == b"T05thread:01;" and client.target.at == 5
    assert client.ask("s") == b"T05thread:01;" and client.ask("vCont;c") == b"T00thread:01;" and client.target.at == 6
    assert client.ask("vRun;") == b"T05thread:01;" and client.ask("c") == b"T05thread:01;replaylog:end;"
    assert client.ask("vRun;;" + b"nowhere".hex()) == b"E01" and client.send(packet(b"R00")) == []
    assert client.target.at == 0
    assert client.ask("D") == b"OK" and client.ask("vAttach;1") == b"T05thread:01;"
    assert client.send(packet(b"k")) == [] and client.session.ended == "kill"


def test_a_live_machine_is_not_run_again():
    client = Client(FakeTarget(can_reverse=False))
    assert client.ask("!") == b"" and client.ask("vKill;1") == b"OK" and client.session.ended == "kill"


def test_watchpoints(client):
    assert client.ask(f"Z2,{DATA + 2:x},1") == b"OK"
    assert client.ask("c") == b"T05thread:01;watch:%08x;" % (DATA + 2)
    assert client.ask("bc") == b"T05thread:01;watch:%08x;" % (DATA + 2) and client.ask(f"m{DATA:x},4") == b"ffffffff"
    client.ask(f"z2,{DATA + 2:x},1"), client.ask(f"Z4,{DATA:x},4")
    assert client.ask("c") == b"T05thread:01;awatch:%08x;" % DATA


def test_conditions(client):
    eax_is = "260000" + "22%02x" + "13" + "27"  # reg 0, const8, equal, end
    assert client.ask(f"Z0,{STORE:x},1;X7,{eax_is % 3};X7,{eax_is % 7}") == b"OK"
    seen = []
    while b"replaylog" not in client.ask("c"):
        seen.append(client.target.read_register("eax"))
    assert seen == [3, 7]
    assert client.ask(f"Z0,{STORE:x},1;X7,{eax_is % 5}") == b"OK"  # instead of, not besides
    assert client.ask("bc") == b"T05thread:01;" and client.target.read_register("eax") == 5
    assert client.ask(f"Z0,{STORE:x},1;X1,ff") == b"OK"  # cannot be evaluated: always
    assert client.ask("bc") == b"T05thread:01;" and client.target.read_register("eax") == 4
    assert client.ask(f"Z0,{STORE:x},1;X4,26ffff27") == b"OK"  # no such register
    assert client.ask("bc") == b"T05thread:01;" and client.target.read_register("eax") == 3


def test_what_is_inserted_goes_with_the_client(client):
    client.send(packet(b"Z0,1005,1") + packet(b"Z2,2000,4") + packet(b"z2,2000,4") + packet(b"Z3,2000,1"))
    assert set(client.target.points) == {(0, 0x1005, 1), (3, 0x2000, 1)}
    client.session.close()
    assert not client.target.points


def test_no_way_back():
    client = Client(FakeTarget(can_reverse=False))
    assert client.ask("bs") == client.ask("bc") == b"E22" and client.target.log == []


def test_refused_to_go(client):
    client.target.resume = refuse
    for ask, reply in ((b"c", b"E01"), (b"s", b"E01"), (b"bc", b"E14"), (b"bs", b"E14")):
        said = client.send(packet(ask))
        assert console(said[:-1]).startswith("costs 5") and said[-1] == reply
    assert client.ask("?") == b"T05thread:01;"


def test_end_of_the_machine():
    client = Client(FakeTarget(can_reverse=False, exits=True))
    assert client.ask("c") == client.ask("?") == client.ask("s") == client.ask("vCont;c") == b"W03"


@pytest.mark.parametrize("reason, reply", [
    (Stop("interrupt"), b"T02thread:01;"), (Stop("replay-break"), b"T02thread:01;"), (Stop("step"), b"T05thread:01;"),
    (Stop("exited", status=256), b"W00"), (Stop("watch", 0x10, "rwatch"), b"T05thread:01;rwatch:00000010;"),
])  # fmt: skip
def test_stop_replies(reason, reply):
    session = GdbSession(FakeTarget())
    session.receive(packet(b"c"))
    assert session.wanted.kind == "continue" and session.take_output() == b"+"
    session.stopped(reason)
    assert session.wanted is None and replies(session.take_output()) == [reply]


def test_interrupt():
    session = GdbSession(FakeTarget())
    session.receive(b"\x03")
    assert not session.interrupt_requested and session.take_output() == b""  # nothing runs
    session.receive(packet(b"c"))
    assert not session.interrupt_requested
    session.receive(b"+\x03")
    assert session.interrupt_requested and session.take_output() == b"+"
    session.say("meanwhile")
    assert console(replies(session.take_output())) == "meanwhile\n"
    session.stopped(Stop("interrupt"))
    assert not session.interrupt_requested and replies(session.take_output()) == [b"T02thread:01;"]


def test_packets_that_come_while_it_runs_interrupt_and_are_served_then():
    session = GdbSession(FakeTarget())
    session.receive(packet(b"c") + packet(b"qC") + packet(b"s") + packet(b"?"))
    assert session.interrupt_requested and replies(session.take_output()) == []
    session.stopped(Stop("interrupt"))
    assert session.wanted.kind == "step" and session.interrupt_requested
    session.stopped(Stop("step"))
    assert session.wanted is None and not session.interrupt_requested
    assert replies(session.take_output()) == [b"T02thread:01;", b"QC01", b"T05thread:01;", b"T05thread:01;"]


def test_monitor(client):
    def monitor(text: str) -> str:
        said = client.send(packet(b"qRcmd," + text.encode().hex().encode()))
        assert said[-1] == b"OK" and all(len(p) <= PACKET_SIZE - 4 for p in said)
        return console(said[:-1])

    assert monitor("echo é") == "a fake machine says: é\n"
    assert monitor("flood").count("long") == 20_000
    assert monitor("nothing") == "there is no command 'nothing'\n"
    assert "flush register-cache" in monitor("seek 4")
    assert client.ask("qRcmd,6") == b"E22" and client.ask("qRcmd") == b"OK"


@pytest.mark.parametrize("ask, reply, ended", [
    ("D", [b"OK"], "detach"), ("D;1", [b"OK"], "detach"), ("k", [], "kill"), ("vKill;1", [b"OK"], "kill"),
])  # fmt: skip
def test_endings(client, ask, reply, ended):
    assert client.session.ended is None
    assert client.send(packet(ask.encode())) == reply and client.session.ended == ended
    assert client.send(packet(b"?")) == []
