"""Other chips of the board: system control ports, firmware configuration."""
