#!/bin/sh
# Since numpy 2 a Python integer takes the type of the array that it meets, and one that does not fit raises OverflowError, as
# `add`, `maximum`, `full` and item assignment do (NEP 50). `numpy.where` follows the first half only: with numpy 2.4.6 an integer that
# does not fit is cut to its low bits, without an error or a warning, and so do `select` and `choose`. In numpy 1.26.4 the same line
# widened the result, and was right. So a mask of 32 bits beside a column of uint8 becomes 255.
#
# So a constant in `where` gets a type of its own: numpy.where(which, numpy.uint32(0xFFFFFFFF), column).
#
# What is looked at: seven ways to put an integer beside an array. Status: 0 as described, 1 numpy behaves otherwise, 2 no package.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if ! python3 -m pip install -q --disable-pip-version-check --target packages numpy==2.4.6 >log 2>&1; then
    tail -n 3 log >&2
    echo "numpy==2.4.6 cannot be installed" >&2
    exit 2
fi
cat >look.py <<'PYTHON'
"""What becomes of an integer of 32 bits beside uint8."""
import sys

import numpy

ALL, column, which = 0xFFFFFFFF, numpy.array([1, 2], dtype=numpy.uint8), numpy.array([True, False])


def assigned():
    copy = column.copy()
    copy[0] = ALL
    return copy


CASES = {
    "add": lambda: numpy.add(column, ALL), "maximum": lambda: numpy.maximum(column, ALL), "item": assigned,
    "where": lambda: numpy.where(which, ALL, column), "where, typed": lambda: numpy.where(which, numpy.uint32(ALL), column),
    "select": lambda: numpy.select([which], [column], ALL), "choose": lambda: numpy.choose(which, [column, ALL]),
}  # fmt: skip
found = {}
for name, case in CASES.items():
    try:
        result = case()
        found[name] = f"{result.tolist()} {result.dtype}"
    except OverflowError as error:
        found[name] = f"OverflowError: {error}"
    print(f"{name:13} {found[name]}")
print("numpy", numpy.__version__)
raising = all(found[name].startswith("OverflowError") for name in ("add", "maximum", "item"))
cut = ("where", "select", "choose")
if not raising or any("255" not in found[name] for name in cut) or found["where, typed"] != "[4294967295, 2] uint32":
    sys.exit("numpy behaves otherwise")
print("as described")
PYTHON
PYTHONPATH=packages python3 -W error look.py
