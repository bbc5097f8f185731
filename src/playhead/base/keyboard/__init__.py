"""Keyboard layouts: keysyms and characters as keys of a PC keyboard, by QEMU's key names."""
