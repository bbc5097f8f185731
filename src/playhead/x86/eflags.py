"""The lazy status flags (x86/flags.py) as plain numbers, for code that reads or fills a state block and runs no IR."""


def status_from_words(res: int, aux: int) -> int:
    """The six status flags of a state block, for debugger and digest: the same formulas on plain integers."""
    c, o = aux >> 31, (aux >> 31 ^ aux >> 30) & 1
    p = (bin(res & 0xFF).count("1") ^ aux >> 8 ^ 1) & 1
    return c | p << 2 | (aux >> 3 & 1) << 4 | (res == 0) << 6 | ((res >> 31 ^ aux) & 1) << 7 | o << 11


def words_from_status(flags: int) -> tuple[int, int]:
    """The inverse of `status_from_words`: the canonical (fl_res, fl_aux) of given flags."""
    z, c = flags >> 6 & 1, flags & 1
    aux = (
        c << 31 | ((c ^ flags >> 11) & 1) << 30 | (flags >> 4 & 1) << 3 | (flags >> 7 & 1) | ((flags >> 2 ^ z) & 1) << 8
    )
    return (0 if z else 1), aux
