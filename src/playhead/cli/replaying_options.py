"""Options of every verb that replays a recording."""

from playhead.cli.options import Option, number, one_of

ENGINE = Option("--engine", "native (default), or the slow reference evaluator", "native|reference",
                one_of("native", "reference"), default="native")  # fmt: skip
QUIET = Option("--quiet", "no progress and no summary")
JOBS = Option("--jobs", "on so many processors (default: all; 1: on this one, without worker processes)", "N",
              number(1, 1024), since="0.7.0")  # fmt: skip
