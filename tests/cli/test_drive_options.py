"""QEMU's ways to say which drives there are, and where they go."""

import pytest

from playhead.base.errors import PlayheadError
from playhead.boards.drive_config import CDROM, HD
from playhead.cli.drives import placed
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import parse_arguments


def specs(words, *more):
    """Without the machine's own floppy disk drive."""
    return placed(parse_arguments("run", MACHINE_OPTIONS, [*words.split(), "-nodefaults", *more])).specs


def places(words):
    return [(2 * spec.bus + spec.unit, spec.kind, spec.file) for spec in specs(words)]


@pytest.mark.parametrize("words, expected", [
    ("-hda a -hdb b -hdc c -hdd d", [(0, HD, "a"), (1, HD, "b"), (2, HD, "c"), (3, HD, "d")]),
    ("-hdd d -hda a", [(0, HD, "a"), (3, HD, "d")]),
    ("-cdrom x.iso", [(2, CDROM, "x.iso")]),
    ("-drive file=a -drive file=b", [(0, HD, "a"), (1, HD, "b")]),
    ("-drive a,index=1 -hda b -drive c,media=cdrom", [(0, HD, "b"), (1, HD, "a"), (2, CDROM, "c")]),
    ("-drive file=a,,b.img", [(0, HD, "a,b.img")]),
    ("-drive a,bus=1,unit=1", [(3, HD, "a")]),
    ("-drive file=a,if=none,id=x -device ide-hd,drive=x", [(2, HD, "a")]),
    ("-drive file=a,if=none,id=x -device ide-hd,drive=x,bus=ide.1,unit=1 -hda b", [(0, HD, "b"), (3, HD, "a")]),
    ("-drive file=a,if=none,id=x -device ide-cd,drive=x -device ide-cd", [(2, CDROM, "a"), (3, CDROM, "")]),
    ("-drive media=cdrom", [(0, CDROM, "")]),
    ("-drive file=a,if=none,id=x -drive driver=blkreplay,image=x", [(0, HD, "a")]),
    ("-device ide-hd,drive=y -drive driver=blkreplay,if=none,id=y,image=x -drive a,if=none,id=x", [(2, HD, "a")]),
])  # fmt: skip
def test_places(words, expected):
    assert places(words) == expected


def test_what_a_drive_is_like():
    words = "-drive file=a,format=qcow2,cache=unsafe,if=none,id=x -drive driver=blkreplay,if=none,image=x,id=y "
    (spec,) = specs(words + "-device ide-hd,drive=y,serial=S,model=M,bootindex=2 -snapshot")
    assert (spec.format, spec.flushes, spec.snapshot, spec.recorded) == ("qcow2", False, True, True)
    assert (spec.serial, spec.model, spec.boot_index, spec.read_only) == ("S", "M", 2, False)
    (plain, cd) = specs("-drive a,readonly=on,driver=raw -cdrom c")
    assert plain.read_only and cd.read_only and plain.format == "raw" and plain.flushes and not plain.snapshot


@pytest.mark.parametrize("words, message", [
    ("-hda a -drive b,index=0", "index=0"),
    ("-hdc a -cdrom b", "exists"),
    ("-hda a -hdb b -hdc c -hdd d -drive e", "no place is left for e"),
    ("-drive file=a,if=virtio", "if=virtio is not supported"),
    ("-drive file=a,if=idle", "ide"),
    ("-drive file=a,format=vmdk", "format vmdk is not supported"),
    ("-drive file=a,if=none,id=x -drive file=b,if=none,id=x", "two drives have the id 'x'"),
    ("-drive file=a,if=none,id=disk -device ide-hd,drive=dsik", "did you mean 'disk'"),
    ("-drive file=a,id=x -device ide-hd,drive=x", "is used already"),
    ("-device ide-hd", "needs drive=ID"),
    ("-drive file=a,if=none,id=x,media=cdrom -device ide-hd,drive=x", "ide-cd"),
    ("-drive if=ide", "a disk needs a file"),
    ("-drive driver=blkreplay,if=none,id=y", "needs image=ID"),
    ("-drive driver=blkreplay,image=x,id=x", "x"),
    ("-drive driver=blkreplay,image=x,format=raw", "format= belongs to the drive that image= names"),
    ("-drive a,image=x", "goes with driver=blkreplay"),
    ("-drive a,index=1,unit=0", "index cannot be used with bus and unit"),
    ("-drive a,driver=raw,format=qcow2", "two things"),
    ("-drive a,serial=3", "belongs to the device"),
    ("-boot order=xyz", "letters of acdn"),
    ("-boot order=cadn", "a PC's firmware tries three"), ("-boot once=x", "letters of acdn"),
    ("-boot splash-time=65536", "is not in 0..65535"), ("-boot reboot-timeout=-2", "is not in -1..65535"),
])  # fmt: skip
def test_mistakes(words, message):
    with pytest.raises(PlayheadError) as error:
        specs(words)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_boot_order():
    assert parse_arguments("run", MACHINE_OPTIONS, ["-boot", "d"])["boot"] == {"order": "d"}
    assert parse_arguments("run", MACHINE_OPTIONS, ["-boot", "order=cd,menu=off"])["boot"]["order"] == "cd"


def test_images_of_no_drive():
    """They can hold snapshots, if they may be written."""
    words = "-drive a,if=none,id=x -drive b,if=none,id=y -device ide-hd,drive=y -drive c,if=none,id=z,snapshot=on"
    found = placed(parse_arguments("run", MACHINE_OPTIONS, [*words.split(), "-nodefaults"]))
    assert [spec.file for spec in found.specs] == ["b"] and [spec.file for spec in found.others] == ["a"]
