"""A short run of `./dev fuzz vnc`: clients that mean no good get nothing but a refusal."""

from tools.fuzz.vnc import fuzz


def test_hostile_clients():
    ends, findings = fuzz(seed=20, numbers=range(400))
    assert findings == []
    assert sum(ends.values()) == 400 and len(ends) > 8 and ends["to the end"] > 100
