"""What -vnc may say: QEMU's words, each of those that are not there refused by name."""

import pytest

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli.vnc_options import named, parse
from playhead.host.display.vnc_options import VncOptions


@pytest.mark.parametrize("text, expected", [
    (":0", {}), (":7", {"port": 5907}), ("0.0.0.0:1", {"host": "0.0.0.0", "port": 5901}),
    ("[::1]:2", {"host": "::1", "port": 5902}), ("somewhere:3", {"host": "somewhere", "port": 5903}),
    ("unix:/tmp/x", {"path": "/tmp/x"}), (":1,to=9", {"port": 5901, "to": 5909}), (":0,ipv6", {"family": "ipv6"}),
    (":0,ipv4=off", {"family": "ipv6"}), (":0,ipv4,ipv6", {}), (":0,password", {"password": True}),
    (":0,password=on,share=ignore,connections=5,lossy=on,id=left", {"password": True, "share": "ignore",
                                                                   "connections": 5, "lossy": True, "id": "left"}),
    (":0,lock-key-sync=off", {"lock_key_sync": False}), (":0,non-adaptive=on,key-delay-ms=0", {}),
])  # fmt: skip
def test_words(text, expected):
    assert parse(text) == VncOptions(**expected, said=f"-vnc {text.split(',')[0]}")


def test_none():
    assert parse("none") is None and parse("none,password=on") is None


@pytest.mark.parametrize("text, why", [
    ("foo", "'foo' says no display: :N, HOST:N"), ("", "says no display"), (":x", "'x' is no display"),
    ("127.0.0.1:-1", "'-1' is no display"), (":70000", "display 70000 is not in 0..59635"),
    (":1,foo=1", "unknown key 'foo'"), (":1,pasword=on", "did you mean 'password'"), (":1,share=foo", "share=foo"),
    (":1,to=0", "the first display to try is 1 already"), ("unix:/x,to=3", "to= is for displays with a number"),
    ("unix:", "unix: needs a path"), (":1,id=5x", "an id begins with a letter"), (":1,lossy=x", "lossy=x"),
    (":1,ipv4=off,ipv6=off", "leaves no address"), (":1,connections=0", "connections=0"),
])  # fmt: skip
def test_mistakes(text, why):
    with pytest.raises(UsageError) as error:
        parse(text)
    assert why in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("word", [
    "reverse=on", "websocket=on", "tls-creds=x", "tls-authz=x", "tls=on", "x509=x", "x509verify=x", "acl=on",
    "sasl=on", "sasl-authz=x", "password-secret=s", "power-control=on", "display=x", "head=1", "audiodev=x",
    "key-delay-ms=10",
])  # fmt: skip
def test_what_is_not_there_is_refused_by_name(word):
    with pytest.raises(UnsupportedError) as error:
        parse(f":1,{word}")
    assert str(error.value).startswith(word) and "not supported" in str(error.value)


def test_each_server_has_a_name():
    """As in QEMU: `default` is the first that says none, wherever it stands."""
    found = named([parse(":1,id=left"), parse(":2"), parse(":3"), parse(":4,id=vnc2"), parse(":5")])
    assert [one.id for one in found] == ["left", "default", "vnc3", "vnc2", "vnc4"]
    with pytest.raises(UsageError, match="-vnc :2: there is a -vnc with id=a already"):
        named([parse(":1,id=a"), parse(":2,id=a")])
