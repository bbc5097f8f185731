"""Completion: what the tables of options offer, and that the three shells take it."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playhead.cli import VERBS, main
from playhead.cli.complete_words import complete
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.devices import registry
from playhead.x86.system.cpuid import MODELS

LIMIT_S = 240
RUN = "playhead run "
SYSTEM = "playhead-system-i386 "


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("disk.img", "a b.img", "c,d.img", ".hidden"):
        Path(name).touch()
    Path("dir").mkdir()
    Path("dir/in.img").touch()
    return tmp_path


@pytest.mark.parametrize("line, found", [
    ("playhead re", ["record", "replay"]), ("playhead help who", ["who"]), ("playhead cache ", ["clear", "info"]),
    (RUN + "-ker", ["-kernel"]), (RUN + "--ker", ["--kernel"]), (RUN + "--eng", ["--engine"]),
    (RUN + "--engine=na", ["--engine=native"]), (RUN + "--engine ref", ["reference"]),
    (RUN + "-drive if=none,sna", ["if=none,snapshot="]), (RUN + "-drive if=n", ["if=none"]),
    (RUN + "-drive if=none,snapshot=o", ["if=none,snapshot=off", "if=none,snapshot=on"]),
    (RUN + "-drive file=di", ["file=dir/", "file=disk.img"]), (RUN + "-hda dir/", ["dir/in.img"]),
    (RUN + "-hda .h", [".hidden"]), (RUN + "-hda a", ["a\\ b.img"]), (RUN + "-hda 'a b", ["a\\ b.img"]),
    (RUN + "-drive format=raw,file=c", ["format=raw,file=c,,d.img"]), (RUN + "-drive file=c,,", ["file=c,,d.img"]),
    (RUN + "-device ide-h", ["ide-hd"]), (RUN + "-device isa-debugcon,iob", ["isa-debugcon,iobase="]),
    (RUN + "-device ide-hd,bus=", ["ide-hd,bus=ide.0", "ide-hd,bus=ide.1"]),
    (RUN + "-drive if=none,id=x -blockdev driver=file,node-name=n -device ide-hd,drive=",
     ["ide-hd,drive=n", "ide-hd,drive=x"]),
    (RUN + "-global isa-debugc", ["isa-debugcon.chardev=", "isa-debugcon.iobase=", "isa-debugcon.readback="]),
    (RUN + "-cpu pentium2,+n", ["pentium2,+nx"]), (RUN + "-M graph", ["graphics="]),
    (RUN + "-M pc-2,usb=", ["pc-2,usb=off"]),
    (SYSTEM + "-icount shift=3,rr=", ["shift=3,rr=record", "shift=3,rr=replay"]), (SYSTEM + "dis", ["disk.img"]),
    (RUN + "-netdev ", ["dgram", "id=", "socket", "stream", "type=", "user"]),
    (RUN + "-netdev user,id=n,ho", ["user,id=n,host=", "user,id=n,hostfwd=", "user,id=n,hostname="]),
    (RUN + "-netdev socket,l", ["socket,listen=", "socket,localaddr="]), (RUN + "-netdev socket,t", []),
    (RUN + "-netdev type=stream,addr.k", ["type=stream,addr.keep-alive="]),
    (RUN + "-nic model=e1000,hostf", ["model=e1000,hostfwd="]), (RUN + "-nic dgram,m", ["dgram,mac=", "dgram,model="]),
    (RUN + "-net nic,n", ["nic,netdev="]), (RUN + "-net user,n", ["user,net="]),
    (RUN + "-object ", ["filter-dump", "filter-replay", "qom-type="]), (RUN + "-object filter-replay,f", []),
    (RUN + "-netdev user,id=n -object filter-dump,netdev=", ["filter-dump,netdev=n"]),
    (RUN + "-nosuch x", []), (RUN + "-device nosuch,", []), ("playhead nosuch ", []),
    (RUN + "-hda \"a", ["a\\ b.img"]),
])  # fmt: skip
def test_what_is_offered(line: str, found: list[str]) -> None:
    assert complete(line) == found


def test_all_of_the_tables_is_offered() -> None:
    assert complete("playhead ") == sorted([*VERBS, "help", "--help", "--version"])
    assert {name for option in MACHINE_OPTIONS for name in option.names} <= set(complete(RUN + "-"))
    assert complete(RUN + "-device ") == sorted(registry.creatable_names())
    assert complete(RUN + "-cpu ") == sorted(MODELS)
    for option in MACHINE_OPTIONS:
        if option.subs and option.name != "-device":
            offered = complete(f"{RUN}{option.name} ")
            assert {f"{sub.name}=" for sub in option.subs if sub.help and not sub.of} <= set(offered), option.name


def test_what_bash_replaces_is_behind_the_last_break() -> None:
    assert complete(RUN + "-drive if=none,file=di", "\"'=:") == ["dir/", "disk.img"]
    assert complete(RUN + "-drive if=none,snap", "\"'=:") == ["none,snapshot="]
    assert complete(RUN + "-drive if=none,snap", "\"'") == ["if=none,snapshot="]


def test_the_verb(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash", "--line", "playhead rep"]) == 0 and capfd.readouterr().out == "replay\n"
    assert main(["completion", "fish", "--line", RUN + "-hda a"]) == 0 and capfd.readouterr().out == "a b.img\n"
    assert main(["completion", "csh"]) == 2 and "there is bash, zsh, fish" in capfd.readouterr().err


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(playhead completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -U compinit; compinit -u -D; eval "$(playhead completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "playhead completion fish | source"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell(shell: str, folder: Path) -> None:
    """Typed at a terminal, with the Tab key: the line that then runs has whole words."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    words, script = SHELLS[shell]
    tools = folder / "tools"
    tools.mkdir()
    (tools / "playhead").write_text(f'#!/bin/sh\nexec {sys.executable} -m playhead "$@"\n')
    (tools / "playhead-system-i386").write_text('#!/bin/sh\nprintf "<%s>" "$@" > ran\n')
    for name in ("playhead", "playhead-system-i386"):
        (tools / name).chmod(0o755)
    env = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "dumb", "LANG": "C.UTF-8"}
    line = ["playhead-system-i386 -driv", "\t", "if=none,snap", "\t", "on,file=disk", "\t", "-hda a\\ ", "\t",
            "-device ide-h", "\t", "\b,id=q", "\r"]  # fmt: skip
    typed = [f'{script}; echo READ""Y\r', *line, "exit\r"]
    assert terminal(words, typed, env, folder / "ran") == (
        "<-drive><if=none,snapshot=on,file=disk.img><-hda><a b.img><-device><ide-hd,id=q>")  # fmt: skip


def terminal(words: list[str], typed: list[str], env: dict[str, str], out: Path) -> str:
    """What a shell at a terminal has written into a file when it has ended. First it is got ready; then each is typed
    after what was before has shown.
    """
    child, fd = pty.fork()
    if child == 0:
        os.execvpe(words[0], words, env)
    try:
        quiet(fd, 0.5)
        for n, keys in enumerate(typed):
            os.write(fd, keys.encode())
            quiet(fd, 0.15) if n else shown(fd, b"READY")
        shown(fd, None)
        return out.read_text()
    finally:
        os.close(fd)
        os.kill(child, 9)
        os.waitpid(child, 0)


def shown(fd: int, text: bytes | None) -> None:
    """Read what a terminal shows, up to this text or to the program's end."""
    seen, end = b"", time.monotonic() + LIMIT_S
    while text is None or text not in seen:
        assert select.select([fd], [], [], max(end - time.monotonic(), 0))[0], seen
        try:
            piece = os.read(fd, 4096)
        except OSError:  # the program has ended
            piece = b""
        if not piece:
            assert text is None, seen
            return
        seen += piece
    quiet(fd, 0.15, 0.15)


def quiet(fd: int, seconds: float, first_s: float = LIMIT_S) -> None:
    """Read what a terminal shows, until it has shown something and then nothing for so long."""
    wait = first_s
    while select.select([fd], [], [], wait)[0]:
        wait = seconds
        try:
            if not os.read(fd, 4096):
                return
        except OSError:  # the program has ended
            return


def test_man_pages_are_whole() -> None:
    """Every option and shown sub-option is in them, and roff has nothing to complain about."""
    from playhead.cli.man import PAGES, page

    for program in PAGES:
        text = page(program)
        for option in MACHINE_OPTIONS:
            for name in option.names:
                assert f"\\fB{name.replace('-', chr(92) + '-')}\\fR" in text
        if shutil.which("mandoc") is not None:
            lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning"], input=text, capture_output=True, text=True)
            assert [line for line in lint.stdout.splitlines() if "missing date" not in line] == []
        if shutil.which("man") is not None:
            done = subprocess.run(["man", "--warnings", "-l", "-"], input=text, capture_output=True, text=True)
            assert done.returncode == 0 and not done.stderr and "snapshot=" in done.stdout
