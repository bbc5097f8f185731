"""What an audiodev is on the host."""
