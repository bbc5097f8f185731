"""Names of files are bytes: whatever Linux allows works in every option and verb, and can be read in messages."""

import json
import os
import subprocess
import sys

import pytest

from playhead.base.messages import shown
from playhead.cli import main
from playhead.host.block import create_qcow2
from playhead.log.reader import Reader
from tools import guest

BIOS = guest.machine("faults")[1]
NAMES = [b"\xff\xfen\xe9", b"-x", b"a,b", b"a:b", b"two\nlines \x1b[1m", b"?mode=rw&x#%41'\" ", "ünï".encode()]
PLAYHEAD = [sys.executable, "-m", "playhead.cli"]


@pytest.fixture(params=NAMES, ids=[shown(os.fsdecode(name)) for name in NAMES])
def name(request, tmp_path, monkeypatch):
    """In a folder of that name, too."""
    folder = tmp_path / os.fsdecode(request.param)
    folder.mkdir()
    monkeypatch.chdir(folder)
    return os.fsdecode(request.param)


def ok(*words, status=0):
    assert main(list(words)) == status, words


def test_every_verb(name, capfd):
    ph, disk, kept = f"{name}.ph", f"{name}.img", f"{name}.kept"
    for path, source in ((f"{name}.bios", BIOS), (disk, BIOS)):
        with open(source, "rb") as f, open(path, "wb") as to:
            to.write(f.read())
    drive = f"file={os.path.abspath(disk)}".replace(",", ",,")
    ok("record", "-o", ph, "-bios", f"{name}.bios", "-drive", f"{drive},format=raw,snapshot=on", "-m", "16",
       "-serial", f"file:{name}.out", "-debugcon", f"file:{name}.log", "--no-embed")  # fmt: skip
    with Reader(ph) as reader:
        assert os.fsencode(reader.meta["disks"][0]["file"]) == os.fsencode(os.path.abspath(disk))
    ok("replay", "--quiet", "-serial", f"file:{kept}", "--", ph)
    with open(kept, "rb") as one, open(f"{name}.out", "rb") as other:
        assert one.read() == other.read() != b""
    ok("replay", "--quiet", "-serial", "null", "-drive", f"{drive},format=raw", "--", ph)
    ok("trim", "-o", f"{name}.part", "--to", "20000", "--quiet", "--", ph)
    ok("branch", "--at", "20000", "-o", f"{name}.other", "-serial", "null", "--", ph)
    ok("debug", "--batch", "-ex", "savevm here", "--", ph)
    capfd.readouterr()
    ok("info", "--json", "--", ph)
    assert json.loads(capfd.readouterr().out)["file"] == ph
    for verb in ("info", "verify", "log"):
        ok(verb, "--", ph)
    os.rename(ph, f"{name}-moved.ph")
    ok("verify", "--", ph, status=2)
    out, err = capfd.readouterr()
    assert "\x1b" not in out + err and "bug" not in err and shown(ph) in err.splitlines()[-1]


def test_an_image_behind_an_image(name, capfd):
    ph, base, top = f"{name}.ph", f"./{name}.base", f"{name}.qcow2"
    with open(base, "wb") as f:
        f.write(bytes(1 << 16))
    create_qcow2(top, 1 << 16, backing=base, backing_format="raw")
    ok("record", "-o", ph, "-bios", BIOS, "-m", "16", "-hda", os.path.abspath(top), "-snapshot", "-serial", "null")
    with Reader(ph) as reader:
        paths = [os.path.basename(file["path"]) for file in reader.meta["disks"][0]["files"]]
    assert paths == [top, f"{name}.base"]
    ok("run", "-bios", BIOS, "-m", "16", "-hda", os.path.abspath(top), "-serial", f"file:{base}", status=2)
    assert "are the same file" in capfd.readouterr().err and os.path.getsize(base) == 1 << 16


def test_a_whole_program_on_names_that_are_not_utf8(tmp_path):
    """As bytes on the command line, in a locale that knows ASCII only."""
    bare = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for environment in (os.environ, bare):
        ph = os.fsencode(tmp_path) + b"/\xff-\xc3\xbc.ph"
        words = [b"record", b"-o", ph, b"--force", b"-bios", os.fsencode(BIOS), b"-m", b"16", b"-serial", b"null"]
        done = subprocess.run([*PLAYHEAD, *words], env=environment, capture_output=True, check=False)
        assert done.returncode == 0 and rb"\xff-" in done.stderr, done.stderr
        for words in ([b"verify", ph], [b"info", ph], [b"info", b"--json", ph], [b"replay", ph], [b"log", ph]):
            done = subprocess.run([*PLAYHEAD, *words], env=environment, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr


def test_a_name_too_long_for_what_is_beside_it(tmp_path, capfd):
    ok("record", "-o", str(tmp_path / ("x" * 255)), "-bios", BIOS, "-m", "16", "-serial", "null", status=2)
    assert "File name too long" in capfd.readouterr().err and not os.listdir(tmp_path)


def test_what_shown_shows():
    assert shown("plain ü, 'x'") == "plain ü, 'x'"
    assert shown(os.fsdecode(b"a\xffb\x1b[1m\n\x7f")) == r"a\xffb\x1b[1m\n\x7f"
