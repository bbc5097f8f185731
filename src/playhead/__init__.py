"""Playhead: a PC in software, recorded once and replayed exactly, forwards and backwards."""

__version__ = "0.7.0"
