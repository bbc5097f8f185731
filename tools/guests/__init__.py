"""How guests are made: linker and ELF writer, private apt root, initramfs writer, Debian guests, disk images."""
