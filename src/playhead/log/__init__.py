"""The recording: what an event is, and how events, digests and content are written to and read from one file.

`events` declares each kind of event once; `writer` and `reader` are the two ends of the file; `digests` and `chain`
are what makes a replay provable and damage visible; `dump` shows events in the field's names.
"""
