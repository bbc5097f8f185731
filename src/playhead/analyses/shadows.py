"""Shadow values: for each bit of a value, on which labels it depends.

A shadow is a dict, mask of bits -> set of the labels that they depend on, or None where nothing depends on anything. A
set is a number, with a bit for each label: so sums of many bytes stay small. What a label is, is the
caller's affair: a byte of an input, or one bit of a place that an instruction reads. One function for each operation of
the IR says what its result depends on, out of its arguments' shadows and values.

Moves (shifts by known counts, masks, extensions, byte swaps) are exact to the bit. A sum or a difference depends on all
bits that a carry can reach from a bit that depends, given the values of all bits that do not. A result that cannot
change whatever the bits that depend are, such as a comparison that other bits decide, depends on nothing.
"""

from collections.abc import Callable, Iterator

from playhead.ir.builder import mask

Shadow = dict[int, int]
Maybe = Shadow | None
Rule = Callable[[int, Maybe, int, Maybe, int], Maybe]


def union(a: Maybe, b: Maybe) -> Maybe:
    """What depends on the one or on the other, bit by bit."""
    if a is None:
        return b
    if b is None:
        return a
    out = dict(a)
    for bits, labels in b.items():
        out[bits] = out.get(bits, 0) | labels
    return out


def bits_of(shadow: Maybe) -> int:
    """All bits that depend on something."""
    out = 0
    if shadow is not None:
        for bits in shadow:
            out |= bits
    return out


def labels_of(shadow: Maybe) -> int:
    """All labels that something depends on."""
    out = 0
    if shadow is not None:
        for labels in shadow.values():
            out |= labels
    return out


def bits_with(shadow: Maybe, label: int) -> int:
    """The bits that depend on a label."""
    return 0 if shadow is None else bits_of({bits: 1 for bits, labels in shadow.items() if labels >> label & 1})


def members(labels: int) -> Iterator[range]:
    """The labels of a set, in runs."""
    at = 0
    while labels:
        zeros = (labels & -labels).bit_length() - 1
        labels >>= zeros
        ones = (~labels & labels + 1).bit_length() - 1
        yield range(at + zeros, at + zeros + ones)
        labels >>= ones
        at += zeros + ones


def _mapped(shadow: Maybe, change: Callable[[int], int]) -> Maybe:
    """Each mask changed."""
    if shadow is None:
        return None
    out: Shadow = {}
    for bits, labels in shadow.items():
        new = change(bits)
        if new:
            out[new] = out.get(new, 0) | labels
    return out or None


def spread(shadow: Maybe, bits: int) -> Maybe:
    """These bits depend on all that anything of the shadow does."""
    return {bits: labels_of(shadow)} if shadow is not None and bits else None


def within(shadow: Maybe, bits: int) -> Maybe:
    """The part of a shadow that lies in these bits."""
    return _mapped(shadow, lambda m: m & bits)


def shifted(shadow: Maybe, by: int, bits: int) -> Maybe:
    """Moved up by so many bits (down, if that is negative), cut to `bits`."""
    return _mapped(shadow, lambda m: (m << by if by >= 0 else m >> -by) & bits)


def _from_lowest(a: Maybe, b: Maybe, bits: int) -> Maybe:
    """Each label reaches all of these bits from its lowest one on."""
    return _mapped(union(a, b), lambda m: bits & -(m & -m))


# -- operations with two arguments: (value, shadow, value, shadow, width) -> shadow


def _through_carries(a: Maybe, b: Maybe, varies: int, w: int) -> Maybe:
    """Each label reaches its bits, and from them upwards as far as the carry into the next bit varies."""

    def reach(bits: int) -> int:
        through, step = varies, 1
        while step < w:
            bits |= through & bits << step
            through &= through << step
            step *= 2
        return bits & mask(w)

    return _mapped(union(a, b), reach)


def add(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    p, q = bits_of(a), bits_of(b)
    least, most = (x & ~p, y & ~q), (x | p, y | q)
    carries = [sum(both) ^ both[0] ^ both[1] for both in (least, most)]  # a carry never falls where an argument rises
    return _through_carries(a, b, carries[0] ^ carries[1], w)


def sub(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    p, q = bits_of(a), bits_of(b)
    least, most = (x & ~p, y | q), (x | p, y & ~q)
    borrows = [(both[0] - both[1]) ^ both[0] ^ both[1] for both in (least, most)]
    return _through_carries(a, b, borrows[0] ^ borrows[1], w)


def mul(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    if a is None:
        x, a, y, b = y, b, x, a
    if b is None:
        if not y:
            return None
        zeros = (y & -y).bit_length() - 1
        if y == 1 << zeros:
            return shifted(a, zeros, mask(w))
        a = shifted(a, zeros, mask(w))
    return _from_lowest(a, b, mask(w))


def and_(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    return union(within(a, y | bits_of(b)), within(b, x | bits_of(a)))


def or_(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    return union(within(a, ~y | bits_of(b)), within(b, ~x | bits_of(a)))


def xor(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    return union(a, b)


def _by_count(x: int, a: Maybe, b: Maybe, reach: int) -> Maybe:
    """A shift whose count depends on something. `reach`: the bits that the result can have."""
    if a is None and not x:
        return None
    return union(spread(a, reach), spread(b, reach))


def shl(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    if b is None:
        return shifted(a, y, mask(w))
    some = x | bits_of(a)
    return _by_count(x, a, b, mask(w) & -(some & -some))


def lshr(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    if b is None:
        return shifted(a, -y, mask(w))
    return _by_count(x, a, b, mask((x | bits_of(a)).bit_length()))


def ashr(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    if b is not None:
        return _by_count(x, a, b, mask(w))
    return shifted(_signs(a, w, w + y), -y, mask(w))


def _signs(a: Maybe, w: int, to: int) -> Maybe:
    """The shadow of a sign extension."""
    top, more = 1 << (w - 1), mask(to) ^ mask(w)
    return _mapped(a, lambda m: m | more if m & top else m)


def divide(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    """Quotients and remainders, signed or not."""
    return union(spread(a, mask(w)), spread(b, mask(w)))


def urem(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    if b is None and y & (y - 1) == 0:
        return within(a, y - 1)
    return divide(x, a, y, b, w)


def udiv(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    if b is None and y & (y - 1) == 0:
        return shifted(a, 1 - y.bit_length(), mask(w))
    return divide(x, a, y, b, w)


def equal(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    """Of `eq` and `ne`: decided if bits differ that depend on nothing."""
    if (x ^ y) & ~(bits_of(a) | bits_of(b)):
        return None
    return union(spread(a, 1), spread(b, 1))


def _below(a: Maybe, b: Maybe, least: tuple[int, int], most: tuple[int, int]) -> Maybe:
    if most[0] < least[1] or least[0] > most[1]:
        return None
    return union(spread(a, 1), spread(b, 1))


def below(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    """Of `ult` and `ule`: decided if the one is less than the other whatever the bits are."""
    p, q = bits_of(a), bits_of(b)
    return _below(a, b, (x & ~p, y & ~q), (x | p, y | q))


def signed_below(x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    half = 1 << (w - 1)
    return below(x ^ half, a, y ^ half, b, w)


BINARY: dict[str, Rule] = {
    "add": add, "sub": sub, "mul": mul, "and": and_, "or": or_, "xor": xor, "shl": shl, "lshr": lshr, "ashr": ashr,
    "udiv": udiv, "urem": urem, "sdiv": divide, "srem": divide, "eq": equal, "ne": equal, "ult": below, "ule": below,
    "slt": signed_below, "sle": signed_below,
}  # fmt: skip


# -- the others


def trunc(a: Maybe, w: int, to: int) -> Maybe:
    return within(a, mask(to))


def sext(a: Maybe, w: int, to: int) -> Maybe:
    return _signs(a, w, to)


def bswap(a: Maybe, w: int) -> Maybe:
    return _mapped(a, lambda m: int.from_bytes(m.to_bytes(w // 8, "little"), "big"))


def count(a: Maybe, w: int) -> Maybe:
    """Of `ctpop`, `ctlz` and `cttz`: a number from 0 to the width."""
    return spread(a, mask(w.bit_length()) & mask(w))


def select(c: int, k: Maybe, x: int, a: Maybe, y: int, b: Maybe, w: int) -> Maybe:
    """The chosen one's; and where the two differ, or may, the choice's."""
    chosen = a if c else b
    if k is None:
        return chosen
    return union(chosen, spread(k, (x ^ y) | bits_of(a) | bits_of(b)))
