"""The Python interface: ask a recording, replay it with callbacks, start machines (`playhead.open`, `record`)."""
