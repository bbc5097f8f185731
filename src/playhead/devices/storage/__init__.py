"""Disk controllers and drives: IDE, ATA, ATAPI."""
