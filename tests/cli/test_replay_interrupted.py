"""Ctrl-C while a replay runs: how much of it was compared is said."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "session"))

import planted


def test_digests_compared_so_far(tmp_path_factory):
    recording = str(planted.shared(tmp_path_factory))
    command = [sys.executable, "-m", "playhead", "replay", recording, "--engine", "reference", "-serial", "stdio"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert os.read(child.stdout.fileno(), 100)  # it has begun, and takes ten seconds
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=300)[1].decode()
    found = re.search(r"; (\d+) of (\d+) digests compared, all equal\n", said)
    assert child.returncode == 130 and found and int(found[1]) < int(found[2]) == 11, said
