"""The PCI bus and the bridges of the chip set."""
