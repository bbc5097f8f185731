"""Pieces of a PC's memory map, as firmware tells them (ACPI specification, "System Address Map Interfaces")."""

from typing import NamedTuple

E820_RAM, E820_RESERVED, E820_NVS = 1, 2, 4


class E820(NamedTuple):
    """A piece of the memory map."""

    base: int
    length: int
    kind: int
