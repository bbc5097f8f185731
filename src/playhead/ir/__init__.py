"""The intermediate representation: what an instruction does, as data.

`ops` holds values and operations, `builder` makes functions of them, `evaluator` runs them in Python (and so defines
them). Engines translate the same functions into something fast.
"""
