"""Views of the machine's screen: VNC, the terminal."""
