"""A quiet world in place of `host.Host`: no threads, a clock that ticks when it is read, input at chosen reads."""

from collections import deque

from playhead.host.chardev.device import CharDevice
from playhead.host.terminal import StatusLine


class Typist(CharDevice):
    """A serial port's outside: what the guest writes is kept, what is typed comes when it is told to."""

    def __init__(self, label="serial"):
        super().__init__(label)
        self.written = bytearray()

    def write(self, data):
        self.written += data

    def type(self, data):
        self._inbox.append(data)


class QuietHost:
    """`plan` is [(realtime read number, port, bytes)]; `quit_at` ends the run at such a read."""

    def __init__(self, plan=(), quit_at=None, live=False, ports=2, date=1_000_000_000_000, step_ns=1_000_000,
                 disks=None):  # fmt: skip
        self.serial = [Typist(f"serial{i}") for i in range(ports)]
        self.ends = {device.label: device for device in (*self.serial, Typist("debugcon"))}
        if disks is not None:
            disks.wake = lambda: self._wake()
            self.ends["disks"] = disks
        self.crowded = False
        self.status = StatusLine()
        self.status.enabled = False
        self.plan, self.quit_at = deque(plan), quit_at
        self.serial[0].live = live
        self.reads, self.real, self.date, self.step = 0, 0, date, step_ns
        self.messages = []
        self.waits = self.waited = 0
        self._wake = lambda: None
        self._quit = ""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def start(self, wake):
        self._wake = wake

    def realtime_ns(self):
        self.reads += 1
        self.real += self.step
        while self.plan and self.plan[0][0] <= self.reads:
            _, port, data = self.plan.popleft()
            self.serial[port].type(data)
            self._wake()
        if self.reads % 7 == 0:
            self._wake()  # kicks at odd places must not matter
        return self.real

    def worked_ns(self):
        """What was not spent waiting; looking at it is no step."""
        return self.real - self.waited

    def clock_ns(self):
        self.date += 12_345
        return self.date

    def wait(self, timeout_ns):
        self.waits += 1
        self.waited += timeout_ns
        self.real += timeout_ns

    def look_again(self):
        pass

    def flush(self):
        pass

    @property
    def input_possible(self):
        return self.serial[0].live

    def request_quit(self, name, cause="host-ui"):
        self._quit, self._cause = name, cause

    def quit_cause(self):
        if self._quit:
            return self._cause
        return "host-signal" if self.quit_at is not None and self.reads >= self.quit_at else ""

    def quit_name(self):
        return self._quit or "SIGINT"

    def message(self, text):
        self.messages.append(text)
