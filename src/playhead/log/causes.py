"""Why a machine stops or starts anew: one numbered list, in QEMU's order, because logs store the number."""

CAUSES = (
    "none", "host-error", "host-qmp-quit", "host-qmp-system-reset", "host-signal", "host-ui", "guest-shutdown",
    "guest-reset", "guest-panic", "subsystem-reset", "snapshot-load",
)  # fmt: skip
OURS = {64: "end-of-part"}  # QEMU's logs have none of these: the recording is a part of another one, which continues


def cause_number(name: str) -> int:
    ours = {ours: number for number, ours in OURS.items()}
    return ours[name] if name in ours else CAUSES.index(name)


def cause_name(number: int) -> str:
    """The name of a logged cause; a number that this version does not know is shown as such."""
    return CAUSES[number] if 0 <= number < len(CAUSES) else OURS.get(number, f"cause-{number}")
