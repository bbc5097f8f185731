"""QEMU's names of images: which are local files, as qemu-img 7.2 says, and which are refused by name."""

from pathlib import Path

import pytest

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.cli.drive_options import drive, fixed
from playhead.host.block import create_qcow2, open_image
from playhead.host.image_names import parse


@pytest.mark.parametrize("name, path, format", [
    ("a.raw", "a.raw", None), ("/x/a:b", "/x/a:b", None), ("./a:b", "./a:b", None), ("a:b.raw", "a:b.raw", None),
    ("file:a.raw", "a.raw", None), ("file:a:b", "a:b", None), ("file:///x/a", "///x/a", None),
    ("host_device:/dev/sr0", "/dev/sr0", None),
    ('json:{"driver":"file","filename":"a.raw"}', "a.raw", None),
    ('json:{"driver":"raw","file.driver":"file","file.filename":"a.raw"}', "a.raw", "raw"),
    ('json:{"driver":"qcow2","file":{"driver":"file","filename":"q","locking":"off"},"node-name":"n"}', "q", "qcow2"),
    ('json:{"file.filename":"a.raw"}', "a.raw", None), ('json:{"filename":"a.raw"}', "a.raw", None),
])  # fmt: skip
def test_local_files(name: str, path: str, format: str | None) -> None:
    assert parse(name) == (path, format)


@pytest.mark.parametrize("name, message", [
    ("nbd:localhost:10809", "block driver 'nbd'"), ("nbd+unix:///x?socket=s", "'nbd[+]unix'"), ("fat:rw:f", "'fat'"),
    ("https://host/a.iso", "'https'"), ("ssh://host/a", "'ssh'"), ("null-co://", "'null-co'"),
    ("blkdebug::a.raw", "'blkdebug'"), ("/dev/fdset/3", "add-fd"), ('json:{"driver":"vmdk"}', "'vmdk'"),
    ('json:{"driver":"nbd","host":"h","port":"1"}', "'nbd'"),
    ('json:{"driver":"raw","file":{"driver":"https","url":"u"}}', "'https'"),
    ('json:{"driver":"raw","offset":512,"file.filename":"a"}', "'offset'"),
    ('json:{"driver":"file","filename":"a","x-odd":1}', "'file.x-odd'"),
])  # fmt: skip
def test_what_is_no_local_file_is_refused_by_name(name: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        parse(name)


@pytest.mark.parametrize("name", ["file:", "json:{", "json:[]", "json:{}", 'json:{"driver":"raw"}', "json:" + "[" * 99])
def test_names_that_name_nothing(name: str) -> None:
    with pytest.raises(UsageError):
        parse(name)


def test_the_options_take_them() -> None:
    assert fixed(0)("file:x")["file"] == "x"
    assert drive("file=file:x,,y")["file"] == "x,y"
    assert drive("driver=qcow2,file.driver=file,file.filename=x") == {"file": "x", "format": "qcow2"}
    assert drive('file=json:{"driver":"raw",,"file.filename":"x"}') == {"file": "x", "format": "raw"}
    for text in ("file=x,file.filename=y", 'format=qcow2,file=json:{"driver":"raw",,"file.filename":"x"}'):
        with pytest.raises(UsageError, match="two things"):
            drive(text)
    with pytest.raises(UnsupportedError, match="'nbd'"):
        drive("file.driver=nbd,file.filename=x")


@pytest.mark.parametrize("name, found", [
    ("base.raw", "in the folder"), ("./a:b", "in the folder"), ("file:base.raw", "here"), ("file:a:b", "here"),
    ('json:{"driver":"raw","file.filename":"base.raw"}', "here"),
    ("a:b", "unknown protocol 'a'"), ("nbd:h:1", "block driver 'nbd'"), ("fat:.", "block driver 'fat'"),
])  # fmt: skip
def test_a_backing_name_means_what_it_means_in_qemu(
    name: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to the image's folder, but after a prefix to where we are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for folder, text in (("folder", b"in the folder"), (".", b"here")):
        for file in ("base.raw", "a:b"):
            (tmp_path / folder / file).write_bytes(text.ljust(4096, b"\0"))
    create_qcow2("folder/top.qcow2", 4096, backing=name, backing_format="raw")
    try:
        with open_image("folder/top.qcow2", read_only=True) as image:
            assert image.read(0, 16).rstrip(b"\0").decode() == found
    except PlayheadError as e:
        assert found in str(e) and "its backing file" in str(e)
