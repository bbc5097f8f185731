"""Errors of QMP: a class, of which there are five, and a description for people."""

GENERIC, NOT_FOUND = "GenericError", "CommandNotFound"
NO_DEVICE, NOT_ACTIVE, KVM = "DeviceNotFound", "DeviceNotActive", "KVMMissingCap"
CLASSES = (GENERIC, NOT_FOUND, NOT_ACTIVE, NO_DEVICE, KVM)


class QmpError(Exception):
    """A command that cannot be carried out."""

    def __init__(self, desc: str, cls: str = GENERIC):
        super().__init__(desc)
        self.cls = cls

    def as_json(self) -> dict[str, str]:
        return {"class": self.cls, "desc": str(self)}


def no_device(name: str) -> QmpError:
    return QmpError(f"Device '{name}' not found", NO_DEVICE)
