"""Taint: `forwards(rec, "event:15").rows()`, `backwards(rec, "register:eax@50%").rows()`, and the latter's `graph`."""

from playhead.analyses.backwards import Backwards, Came, backwards, graph
from playhead.analyses.forwards import Flowed, Forwards, Held, forwards

__all__ = ["Backwards", "Came", "Flowed", "Forwards", "Held", "backwards", "forwards", "graph"]
