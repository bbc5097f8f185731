"""What the EEPROM of an 82540EM holds: the card's address, how it presents itself, words that only its maker reads.

The sum of all words is BABAh, by which drivers tell a good EEPROM.

Source: Intel's manual (as e1000_registers.py); the values are those that QEMU 7.2's card shows.
"""

SUM, CHECKSUM = 0xBABA, 63
DEVICE, INTEL = 0x100E, 0x8086
BLANK = 0xFFFF
CONTENT = {
    3: 0x0000, 4: BLANK, 5: 0, 6: 0, 7: 0,
    8: 0x3000, 9: 0x1000,  # board number
    10: 0x6403,  # initialization control 1
    11: DEVICE, 12: INTEL, 13: DEVICE, 14: INTEL,  # of the subsystem and of the function
    15: 0x3040,  # initialization control 2
    16: 0x0008, 17: 0x2000, 18: 0x7E14, 19: 0x0048, 20: 0x1000, 21: 0x00D8, 22: 0x0000, 23: 0x2700,
    24: 0x6CC9, 25: 0x3150, 26: 0x0722, 27: 0x040B, 28: 0x0984, 29: 0x0000, 30: 0xC000, 31: 0x0706,
    32: 0x1008, 33: 0x0000,  # pins that software defines; circuit control
    34: 0x0F04, 35: 0x7FFF, 36: 0x4D01,  # power management, management control, initialization control 3
    48: 0x0100, 49: 0x4000, 50: 0x121C,  # boot agent
}  # fmt: skip


def eeprom_words(mac: bytes) -> list[int]:
    """The content of a card with this address."""
    words = [int.from_bytes(mac[at : at + 2], "little") for at in (0, 2, 4)]
    words += [CONTENT.get(n, BLANK) for n in range(len(words), CHECKSUM)]
    return [*words, (SUM - sum(words)) & 0xFFFF]
