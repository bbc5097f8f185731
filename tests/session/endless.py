"""Records an endless fake guest until it is killed: `python endless.py FILE`. Run by test_killed.py."""

import sys

from fake_machine import FakeMachine, Program

from playhead.host.host import Host
from playhead.log.writer import Writer
from playhead.session.outcome import Options
from playhead.session.record import RecordSession

PROGRAM = Program(end=10**12, clock=4, talk=4, halt=1)

if __name__ == "__main__":
    with Writer(sys.argv[1]) as writer:
        options = Options(digest_period=1000, meta={"config": {}})
        host = Host(sys.argv[2:] or ["null"], mux=True)
        outcome = RecordSession(lambda door: FakeMachine(door, PROGRAM), host, options, writer).run()
        print(outcome.cause, outcome.note)
