"""The checksum of IP, TCP, UDP and ICMP: the ones' complement of the ones' complement sum of 16-bit big-endian words.

The sum with its carries added back in is the remainder of one large number by FFFFh, which C computes at once.

Source: RFC 1071.
"""


def checksum_sum(data: bytes | bytearray) -> int:
    """The ones' complement sum of 16-bit big-endian words; an odd byte at the end counts as the high half of a word.
    0 only for data that is all zeros, as adding words one by one gives it."""
    number = int.from_bytes(data, "big")
    if len(data) & 1:
        number <<= 8
    return number % 0xFFFF or (0xFFFF if number else 0)


def internet_checksum(data: bytes | bytearray) -> int:
    """What is put into a header's checksum field, which `data` holds as zero or with a pseudo-header's sum."""
    return ~checksum_sum(data) & 0xFFFF
