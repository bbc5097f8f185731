"""Network cards, and what they share: Ethernet's arithmetic, serial EEPROMs."""
