"""Checks that a function is well formed: every value is used where it was surely made, nothing follows an end."""

from playhead.ir.ops import ENDS, Function, Op, Value


def verify(f: Function) -> None:
    """Raise AssertionError, with the function's name and the operation, if it is not well formed."""
    _region(f, f.body, {p.n for p in f.params}, False)


def _region(f: Function, ops: list[Op], known: set[int], looping: bool) -> None:
    seen = set(known)  # values of outer regions, and of this one so far; those of inner regions end with them
    for at, op in enumerate(ops):
        for a in op.args:
            if isinstance(a, Value) and a.const is None:
                assert a.n in seen, f"{f.name}: {op!r} uses {a!r}, which may not have been made there"
        if op.kind == "if":
            for arm in op.attr:
                _region(f, arm, seen, looping)
        elif op.kind == "loop":
            _region(f, op.attr, seen, True)
        assert op.kind not in ("break", "continue") or looping, f"{f.name}: {op.kind} outside a loop"
        assert op.kind not in ENDS or at == len(ops) - 1, f"{f.name}: {op.kind} is not the last of its region"
        if op.res is not None:
            seen.add(op.res.n)
