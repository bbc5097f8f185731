"""Arithmetic on 80-bit floating-point numbers, as the x87 does it."""
