"""The files of `-object filter-dump`, open for as long as a session runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playhead.boards.config import PcConfig
    from playhead.session.filter_dump import FilterDump


@contextmanager
def dumps(values: Mapping[str, Any], config: PcConfig, created: str,
          message: Callable[[str], None]) -> Iterator[list[FilterDump]]:  # fmt: skip
    """For a session's `traffic`. `created`: the date of the start, as recordings write it. Raises HostError."""
    from playhead.cli.object_options import DUMP

    wanted = [one for one in values["objects"] if one.kind == DUMP and one.status]
    made: list[FilterDump] = []
    try:
        if wanted:
            _open(made, wanted, config, created, message)
        yield made
    finally:
        for one in made:
            one.close()


def _open(made: list[FilterDump], wanted: list[Any], config: PcConfig, created: str,
          message: Callable[[str], None]) -> None:  # fmt: skip
    from playhead.cli.capture import start_ns
    from playhead.cli.option_table import naming
    from playhead.log.pcap import PcapFile
    from playhead.session.filter_dump import FilterDump

    netdevs = [end.id for end in config.outside if end.type == "netdev"]
    for one in wanted:
        with naming(one.said):
            file = PcapFile(one.file, one.maxlen)
        net = netdevs.index(one.netdev) if one.netdev in netdevs else -1  # no card is at it: an empty file
        made.append(FilterDump(file, net, one.queue, start_ns(config, created), message))
