"""DES of one block (FIPS 46-3), for the one thing that still needs it: VNC's challenge.

A login encrypts two blocks; a library of cryptography as a dependency of every installation would be out of proportion,
and well-kept ones have dropped single DES. Tests compare this with one that has triple DES.
"""

INITIAL = (
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32,
    24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47,
    39, 31, 23, 15, 7,
)  # fmt: skip
FINAL = (
    40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21,
    61, 29, 36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9,
    49, 17, 57, 25,
)  # fmt: skip
EXPANSION = (
    32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18, 19, 20, 21, 20, 21,
    22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
)  # fmt: skip
PERMUTATION = (
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4,
    25,
)  # fmt: skip
KEY_CHOICE = (
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63, 55,
    47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
)  # fmt: skip
ROUND_CHOICE = (
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30,
    40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
)  # fmt: skip
SHIFTS = (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1)
BOXES = (  # the four rows of each, a hexadecimal digit for each value
    "e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d",
    "f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9",
    "a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c",
    "7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e",
    "2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453",
    "c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d",
    "4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c",
    "d2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b",
)


def encrypt(key: bytes, block: bytes) -> bytes:
    """One block of 8 bytes with a key of 8, whose lowest bits are not used."""
    assert len(key) == len(block) == 8
    chosen = _chosen(int.from_bytes(key), 64, KEY_CHOICE)
    halves = [chosen >> 28, chosen & 0xFFFFFFF]
    mixed = _chosen(int.from_bytes(block), 64, INITIAL)
    left, right = mixed >> 32, mixed & 0xFFFFFFFF
    for shift in SHIFTS:
        halves = [(half << shift | half >> (28 - shift)) & 0xFFFFFFF for half in halves]
        left, right = right, left ^ _mixed(right, _chosen(halves[0] << 28 | halves[1], 56, ROUND_CHOICE))
    return _chosen(right << 32 | left, 64, FINAL).to_bytes(8)


def _chosen(value: int, bits: int, places: tuple[int, ...]) -> int:
    """The bits at these places, which are counted from 1 at the highest one."""
    out = 0
    for place in places:
        out = out << 1 | value >> (bits - place) & 1
    return out


def _mixed(half: int, key: int) -> int:
    """The function of a round."""
    sixes = _chosen(half, 32, EXPANSION) ^ key
    out = 0
    for n, box in enumerate(BOXES):
        six = sixes >> (42 - 6 * n) & 63
        row, column = six >> 4 & 2 | six & 1, six >> 1 & 15
        out = out << 4 | int(box[row * 17 + column], 16)
    return _chosen(out, 32, PERMUTATION)
