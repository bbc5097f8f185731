"""Options of every verb that replays a recording."""

from playhead.cli.options import Option, one_of

ENGINE = Option("--engine", "native (default), or the slow reference evaluator", "native|reference",
                one_of("native", "reference"), default="native")  # fmt: skip
QUIET = Option("--quiet", "no progress and no summary")
