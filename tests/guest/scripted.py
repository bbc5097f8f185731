"""A scripted user at a guest's serial line: waits for a text, types a line, waits for the next text."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Sequence

Step = tuple[bytes, bytes]  # what to wait for, and what to type then


class ScriptError(Exception):
    """The guest did not print the text that the script expects."""


def talk(command: Sequence[str], steps: Sequence[Step], limit_s: float, end: int = 0) -> tuple[int, bytes, str]:
    """Run a program whose standard input and output are the line. Its status, what it printed, what it said besides.
    `end`: the signal that it gets after the last step.

    Each wait begins after what the last one found, so an echo of what was typed is not taken for its answer.
    """
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    said: list[bytes] = []
    listener = threading.Thread(target=lambda: said.append(process.stderr.read()))  # type: ignore[union-attr]
    listener.start()
    seen, at, until = bytearray(), 0, time.monotonic() + limit_s
    left = list(steps)
    try:
        while True:
            if left and (found := seen.find(left[0][0], at)) >= 0:
                at = found + len(left[0][0])
                process.stdin.write(left.pop(0)[1])
                process.stdin.flush()
                if end and not left:
                    process.send_signal(end)
                continue
            if not select.select([process.stdout], [], [], max(until - time.monotonic(), 0))[0]:
                raise ScriptError(f"after {limit_s:.0f} s: no {left[0][0] if left else 'end'!r} behind {seen[-500:]!r}")
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                break
            seen += data
        process.stdin.close()
        status = process.wait(timeout=300)
    finally:
        process.kill()
        process.wait()
        listener.join()
        process.stdout.close()
        process.stderr.close()
    if left:
        raise ScriptError(f"no {left[0][0]!r} until the end, which is {bytes(seen[-500:])!r}; {said[0].decode()}")
    return status, bytes(seen), said[0].decode(errors="replace")
