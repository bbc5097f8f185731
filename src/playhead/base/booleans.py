"""QEMU's words for booleans, in the case that QEMU takes: of options, properties of devices, and netdevs."""

BOOLEANS = {"on": True, "yes": True, "true": True, "y": True, "off": False, "no": False, "false": False, "n": False}
