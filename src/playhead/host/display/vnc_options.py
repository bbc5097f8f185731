"""What one `-vnc` asks for, checked: where to listen, who may come, how pictures are sent. Nothing is opened here."""

from typing import NamedTuple

BASE_PORT = 5900  # display 0
SHARES = ("allow-exclusive", "force-shared", "ignore")
CONNECTING = 32  # clients that may be between connecting and their first picture, as QEMU has it


class VncOptions(NamedTuple):
    """`said`: the option as it was given, for messages. `to`: the last port to try."""

    id: str = ""  # `named` gives those that have none theirs
    host: str = ""
    port: int = BASE_PORT
    to: int = 0
    family: str = ""  # ipv4 or ipv6, if only one of them may be used
    path: str = ""  # of a Unix socket
    password: bool = False
    share: str = SHARES[0]
    connections: int = CONNECTING
    lossy: bool = False
    lock_key_sync: bool = True
    said: str = "-vnc"
