"""Character devices: serial ports and debug consoles."""
