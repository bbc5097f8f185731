"""The option table: QEMU's forms are taken, and what is wrong is one line that helps."""

import pytest

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.cli import info, log, main, record, replay, run
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import Option, Sub, on_off, parse_arguments, sub_options


def parsed(*words):
    return parse_arguments("run", MACHINE_OPTIONS, words)


def test_a_whole_command_line():
    values = parsed(
        *"-m 256 -kernel K -initrd I -append".split(), "console=ttyS0 quiet", *"-nographic -icount shift=7,sleep=off "
        "-rtc base=2020-02-29T12:30:00,clock=vm -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 "
        "-serial stdio -serial file:x -net none -nic none -display none -monitor none -M pc -machine pc,accel=tcg "
        "-debugcon file:d -global isa-debugcon.iobase=0xe9 --engine reference -smp 1 -vga none".split(),
    )  # fmt: skip
    assert values["ram_bytes"] == 256 << 20 and values["append"] == "console=ttyS0 quiet"
    assert values["icount"] == {"shift": 7, "sleep": False}
    assert values["rtc"] == {"base": "2020-02-29T12:30:00", "clock": "vm"}
    assert values["devices"] == [{"name": "isa-debug-exit", "iobase": 0xF4, "iosize": 4}]
    assert values["serial"] == ["stdio", "file:x"] and values["nographic"] and values["no_reboot"]
    assert values["globals"] == [("isa-debugcon.iobase", 0xE9)] and values["engine"] == "reference"


@pytest.mark.parametrize("text, size", [
    ("128", 128 << 20), ("128M", 128 << 20), ("1G", 1 << 30), ("2048K", 2 << 20), ("size=64m", 64 << 20),
    ("16777216B", 16 << 20), ("0.5G", 512 << 20), ("1.5g", 1536 << 20), ("5.M", 5 << 20), ("0x80", 128 << 20),
    ("1.0001G", 1073856512), ("1048577B", (1 << 20) + 8192),
])  # fmt: skip
def test_memory_sizes(text, size):
    assert parsed("-m", text)["ram_bytes"] == size


def test_both_kinds_of_dashes():
    for words in (["--kernel", "K"], ["--kernel=K"], ["-kernel", "K"]):
        assert parsed(*words)["kernel"] == "K"
    assert parsed("-append", "-x=1 --y")["append"] == "-x=1 --y"


@pytest.mark.parametrize("words, message", [
    (["-kernal", "x"], "unknown option '-kernal'; did you mean '-kernel'?"),
    (["--enigne", "native"], "did you mean '--engine'?"),
    (["---m", "1"], "unknown option '---m'"),
    (["-zzz"], "unknown option '-zzz' (playhead run --help lists"),
    (["-kernel"], "-kernel needs a value: -kernel FILE"),
    (["--nographic=1"], "-nographic takes no value"),
    (["-m", "12x"], "-m 12x: not a size such as 128M or 1.5G"),
    (["-m", "0"], "memory can be 1M to 3584M"),
    (["-m", "4G"], "memory can be"),
    (["-m", "0.5"], "a fraction needs a unit"),
    (["-m", ".5G"], "not a size"),
    (["-m", "0x10M"], "not a size"),
    (["-icount", "shift=11"], "-icount shift=11: 11 is not in 0..10"),
    (["-icount", "shift=x"], "-icount shift=x: shift=x is not a number"),
    (["-icount", "shfit=3"], "unknown key 'shfit'; did you mean 'shift'?"),
    (["-icount", "sleep=maybe"], "sleep=maybe is not one of on, off"),
    (["-icount", "shift=3,rr=record,rrfile=f"], "use playhead record -o FILE"),
    (["-icount", "shift=3,align=on"], "align=on is not supported"),
    (["-rtc", "base=localtime"], "base=localtime is not supported"),
    (["-rtc", "base=yesterday"], "neither utc nor a date"),
    (["-rtc", "base=2021-02-30"], "neither utc nor a date"),
    (["-rtc", "clock=rt"], "clock=rt is not supported"),
    (["-rtc", "utc"], "unknown key 'utc'; there are base, clock, driftfix"),
    (["-device", "isa-debug-exti"], "unknown device 'isa-debug-exti'; did you mean 'isa-debug-exit'?"),
    (["-device", "ne2k_pci"], "this version has no device 'ne2k_pci': its network cards are rtl8139 and e1000; there"),
    (["-device", "isa-debug-exit,iobase=99999"], "property 'isa-debug-exit.iobase' cannot be '99999'"),
    (["-device", "isa-serial,irqs=3"], "property 'isa-serial.irqs' not found; did you mean 'irq'?"),
    (["-device", "isa-serial,irq"], "property 'isa-serial.irq' cannot be 'on'"),
    (["-device", "isa-serial,irq=16"], "it takes a number from 0 to 15"),
    (["-device", "isa-serial,chardev=1"], "it takes the id of a chardev"),
    (["-device", "isa-serial,id=1"], "an id begins with a letter"),
    (["-device", "isa-serial,bus=pci.0"], "can't go on bus pci.0: its bus is ISA"),
    (["-device", "isa-serial,bus=usb.0"], "bus 'usb.0' not found; there is pci.0, isa.0, ide.0, ide.1"),
    (["-device", "isa-pit"], "device 'isa-pit' is the machine's own"),
    (["-serial", "tcp:4444"], "'tcp:4444' is no address; give tcp:HOST:PORT"),
    (["-serial", "chardev:"], "unknown character device 'chardev:'"),
    (["-serial", "null"] * 5, "-serial may be given 4 times at most"),
    (["-M", "q35"], "-M q35: q35 is another machine of QEMU's; there is pc"),
    (["-smp", "2"], "more than one CPU is not supported"),
    (["-net", "usr"], "unknown type 'usr'; did you mean 'user'?"),
    (["-global", "x.y=1"], "unknown property 'x.y'"),
    (["-global", "isa-serial.irqs=1"], "property 'isa-serial.irqs' not found"),
    (["-global", "isa-serial.irq=x"], "property 'isa-serial.irq' cannot be 'x'"),
    (["-global", "isa-serial.chardev=x"], "is one device's own"),
    (["--engine", "jit"], "'jit' is not one of native, reference"),
    (["vmlinuz"], "'vmlinuz' is one word too many"),
])  # fmt: skip
def test_mistakes(words, message):
    with pytest.raises(PlayheadError) as e:
        parsed(*words)
    assert message in str(e.value) and "\n" not in str(e.value) and e.value.status == 2


@pytest.mark.parametrize("words", [["-m", "1\n2"], ["a\nb"], ["-x\ny"], ["-serial", "\n"], ["-gdb", "\n1"]])
def test_a_mistake_with_a_newline_is_one_line_too(words, capfd):
    assert main(["run", *words]) == 2
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("words", [["verify", "a\0"], ["record", "-o", "\0"], ["run", "-append", "a\0b"]])
def test_a_nul(words, capfd):
    assert main(words) == 2
    assert "a NUL character" in capfd.readouterr().err


def test_unsupported_is_told_from_unknown():
    with pytest.raises(UnsupportedError):
        parsed("-smp", "4")
    with pytest.raises(UsageError):
        parsed("-smp", "four")


def test_a_doubled_comma_is_a_comma():
    assert sub_options("a=1,,2,b=3", {"a": str, "b": str}) == {"a": "1,2", "b": "3"}


@pytest.mark.parametrize("text, means", [
    ("a", {"a": True}), ("noa", {"a": False}), ("a,noa", {"a": False}), ("noa,a=yes", {"a": True}),
    ("a=n", {"a": False}), ("a=false", {"a": False}), ("7,a", {"b": "7", "a": True}), ("b=7,b=,,", {"b": ","}),
    ("old=x", {"new": "x"}),
])  # fmt: skip
def test_sub_options_by_qemus_rules(text, means):
    """A key alone is on, with `no` before it off; the last one counts; the first word may go without its key."""
    subs = (Sub("a", on_off), Sub("b", str), Sub("old", str, key="new"))
    assert sub_options(text, subs, implied="b" if text[0] == "7" else "") == means


def test_where_qemu_wants_the_value_written_out():
    with pytest.raises(UsageError, match="-M pc,usb: 'usb' should be key=value"):
        parsed("-M", "pc,usb")
    with pytest.raises(UsageError, match="is not one of on, off"):
        parsed("-M", "pc,usb=ON")


def test_an_option_that_is_given_again():
    """Its keys are added, and the last one counts."""
    values = parsed(*"-M pc-2 -machine graphics=off -icount shift=7 -icount sleep=off,shift=5 -boot d -boot d".split())
    assert values["machine"] == {"type": "pc-2", "graphics": False}
    assert values["icount"] == {"shift": 5, "sleep": False} and values["boot"] == {"order": "d"}
    assert parsed("-m", "64", "-m", "slots=0")["ram_bytes"] == 64 << 20
    assert parsed("-m", "64", "-m", "32M")["ram_bytes"] == 32 << 20


def test_keys_are_listed(capfd):
    assert main(["run", "-drive", "help"]) == 0
    assert "snapshot=on|off " in capfd.readouterr().out
    assert main(["run", "-drive", "format=help"]) == 0
    assert capfd.readouterr().out == "raw\nqcow2\n"


def test_operands():
    table = (Option("--flag", "x"),)
    assert parse_arguments("log", table, ["f", "--flag"], ["FILE"]) == {"flag": True, "file": "f"}
    with pytest.raises(UsageError, match="log needs FILE"):
        parse_arguments("log", table, [], ["FILE"])


def test_no_sub_option_is_older_than_its_option():
    from playhead.cli.system_i386 import OPTIONS

    def age(version):
        return tuple(map(int, version.split(".")))

    subs = [(option, sub) for option in OPTIONS for sub in option.subs]
    assert len(subs) > 50
    assert not [(option.name, sub.name) for option, sub in subs if age(sub.since) < age(option.since)]


@pytest.mark.parametrize("verb", [run, record, replay, info, log], ids=lambda v: v.__name__.rsplit(".")[-1])
def test_tables_are_sound_and_help_shows_them(verb):
    names = [name for o in verb.OPTIONS for name in o.names]
    assert len(set(names)) == len(names)
    versions = {"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0"}
    assert versions >= {one.since for o in verb.OPTIONS for one in (o, *o.subs)}
    text = verb.help()
    for option in verb.OPTIONS:
        assert option.help and f"\n  {', '.join(option.names)} " in text
        assert all(f"\n      {sub.shown}" in text for sub in option.subs if sub.help)
    assert max(map(len, text.split("\n"))) <= 120


@pytest.mark.parametrize("words, said", [
    ("-hda no.img", "-hda no.img: cannot open image no.img"), ("-hda empty", "-hda empty: empty: an image of no size"),
    ("-drive file=disk,format=qcow2", "-drive file=disk,format=qcow2: disk: this is no qcow2"),
    ("-blockdev driver=file,filename=no.img,node-name=f -device ide-hd,drive=f", "-blockdev driver=file,filename=no"),
    ("-drive file=no.img,if=none,id=x", "-drive file=no.img,if=none,id=x: cannot open image no.img"),
    ("-kernel no", "-kernel no: cannot read"), ("-bios no", "-bios no: cannot read"), ("-bios empty", "-bios: a"),
    ("-initrd x", "-initrd goes with -kernel; this is without one: -initrd x"), ("-append y", "without one: -append y"),
    ("-device isa-serial,id=pic", "-device isa-serial,id=pic: id=pic: another device"),
    ("-device isa-debug-exit,iobase=0xffff", "-device isa-debug-exit,iobase=0xffff: isa-debug-exit: iobase=0xffff"),
    ("-device isa-debugcon -device isa-debugcon,id=b", "-device isa-debugcon,id=b: 2 devices isa-debugcon"),
    ("-device isa-serial,chardev=foo", "-device isa-serial,chardev=foo: property 'isa-serial.chardev': there is no"),
    ("-chardev null,id=a -chardev null,id=a", "-chardev null,id=a: two character devices"),
    ("-chardev file,path=/no/x,id=a -device isa-serial,chardev=a", "-chardev file,id=a: cannot write a to /no/x"),
    ("-serial file:/no/x", "-serial: cannot write serial0 to /no/x"), ("-debugcon file:/no/x", "-debugcon: can"),
    ("-loadvm foo", "-loadvm foo: "), ("-uuid 1", "-uuid 1: not a UUID"),
    ("-icount 99", "-icount 99: 99 is not in 0..10"), ("-hda code", "-hda code and -bios code are the same file"),
    ("-cpu 486,+zzz", "-cpu 486,+zzz: the feature 'zzz'"), ("-boot order=", "-boot order=: order= should be letters"),
])  # fmt: skip
def test_a_mistake_that_is_found_later_names_its_option(words, said, tmp_path, monkeypatch, capfd):
    """Also what is wrong only beside other options, or in a file."""
    monkeypatch.chdir(tmp_path)
    for name, size in (("code", 1 << 16), ("disk", 512), ("empty", 0)):
        (tmp_path / name).write_bytes(bytes(size))
    plain = ["run", "-m", "2", *([] if "-bios" in words or "-kernel" in words else ["-bios", "code"])]
    assert main([*plain, *words.split()]) == 2
    err = capfd.readouterr().err
    assert said in err and err.startswith(f"playhead: {words.split()[0]}"[:14]) and err.count("\n") == 1
