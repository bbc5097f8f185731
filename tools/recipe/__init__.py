"""What the guests are made with: a linker for flat images, a private apt root, an initramfs writer."""
