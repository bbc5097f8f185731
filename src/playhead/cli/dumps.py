"""The files of `-object filter-dump`, open for as long as a session runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playhead.cli import network_filters

if TYPE_CHECKING:
    from playhead.boards.config import PcConfig
    from playhead.cli.object_options import Filter
    from playhead.log.reader import Reader
    from playhead.session.filter_dump import FilterDump
    from playhead.session.traffic import Traffic


@contextmanager
def dumps(values: Mapping[str, Any], config: PcConfig, created: str,
          message: Callable[[str], None]) -> Iterator[list[Traffic]]:  # fmt: skip
    """For a session's `traffic`. `created`: the date of the start, as recordings write it. Raises HostError."""
    wanted = network_filters.dumps(values)
    made: list[FilterDump] = []
    try:
        if wanted:
            _open(made, wanted, config, created, message)
        yield [*made]
    finally:
        for one in made:
            one.close()


@contextmanager
def recorded_dumps(values: Mapping[str, Any], reader: Reader,
                   message: Callable[[str], None]) -> Iterator[list[Traffic]]:  # fmt: skip
    """The same for a replay."""
    if not network_filters.dumps(values):
        yield []
        return
    from playhead.cli.recorded_config import config_of

    with dumps(values, config_of(reader), str(reader.meta.get("created", "")), message) as made:
        yield [*made]


def _open(made: list[FilterDump], wanted: list[Filter], config: PcConfig, created: str,
          message: Callable[[str], None]) -> None:  # fmt: skip
    from playhead.cli.capture import start_ns
    from playhead.cli.option_table import naming
    from playhead.log.pcap import PcapFile
    from playhead.session.filter_dump import FilterDump

    netdevs = [end.id for end in config.netdevs]
    for one in wanted:
        with naming(one.said):
            file = PcapFile(one.file, one.maxlen)
        net = netdevs.index(one.netdev) if one.netdev in netdevs else -1  # no card is at it: an empty file
        made.append(FilterDump(file, net, one.queue, start_ns(config, created), message))
