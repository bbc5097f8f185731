"""QEMU's monitor commands that there are not, each with the reason and the nearest thing that there is.

A user who types one is not left to guess whether it is misspelt. `tests/monitor` holds this against QEMU's own list.
"""

from playhead.monitor.commands import Command, Say, refused

MIGRATION = "there is no migration: a recording is moved as a file, and savevm keeps a state in it"
HOT_PLUG = "a machine's devices are its description, which does not change; give it -device at the start"
JOBS = "there are no block jobs; qemu-img does that when the machine does not run"
SNAPSHOT = "savevm keeps the state of the machine and of its disks"
HOST = "addresses of the host say nothing about the machine; gva2gpa translates the guest's"
NETWORK = ("a machine's network is fixed when it starts, because its packets are recorded by number; -netdev and -nic "
           "make it, set_link plugs a cable in or out")  # fmt: skip
SOUND = "-audiodev wav,path=FILE writes what is played, and `playhead sound` what a recording has played"
USB = "USB support not enabled: the machine has no USB controller"
NBD = "images are not exported; qemu-nbd does that"
OBJECTS = "there is no object tree that could be changed; info qtree shows the devices"
RING = "there is no ring buffer among the character devices; file:PATH keeps what is written"
OTHER = "this machine has no such thing"
DIRTY = "nothing measures how fast memory is written; a recording's checkpoints have the pages"
FIXED = "character devices are chosen at the start; nothing may come from a new one that a recording does not know"

COMMANDS: dict[str, str] = {
    "balloon": f"{OTHER} (balloon device); the memory is what -m says",
    **dict.fromkeys(("block_job_cancel", "block_job_complete", "block_job_pause", "block_job_resume",
                     "block_job_set_speed", "block_stream", "commit", "drive_backup", "drive_mirror"), JOBS),
    "block_resize": "a disk's size is part of the machine's description; qemu-img resize, before it runs",
    "block_set_io_throttle": "there is no throttle: how fast a disk is, is recorded",
    "boot_set": "what firmware tries first is part of the machine's description: -boot at the start",
    "calc_dirty_rate": DIRTY, "cancel_vcpu_dirty_limit": DIRTY, "set_vcpu_dirty_limit": DIRTY,
    **dict.fromkeys(("chardev-add", "chardev-change", "chardev-remove"), FIXED),
    "chardev-send-break": "a serial port has no line that a break could be sent on",
    **dict.fromkeys(("client_migrate_info", "migrate", "migrate_cancel", "migrate_continue", "migrate_incoming",
                     "migrate_pause", "migrate_recover", "migrate_set_capability", "migrate_set_parameter",
                     "migrate_start_postcopy", "x_colo_lost_heartbeat"), MIGRATION),
    "closefd": "no file descriptors are passed; name a file", "getfd": "no file descriptors are passed; name a file",
    **dict.fromkeys(("device_add", "device_del", "drive_add", "drive_del"), HOT_PLUG),
    "dumpdtb": f"{OTHER} (device tree); info qtree shows the devices",
    "exit_preconfig": "there is no preconfig state; -S starts paused",
    **dict.fromkeys(("gpa2hpa", "gpa2hva"), HOST),
    "mce": "this processor has no machine check registers; nmi is there",
    **dict.fromkeys(("nbd_server_add", "nbd_server_remove", "nbd_server_start", "nbd_server_stop"), NBD),
    **dict.fromkeys(("netdev_add", "netdev_del"), NETWORK),
    **dict.fromkeys(("object_add", "object_del", "qom-get", "qom-list", "qom-set"), OBJECTS),
    "pcie_aer_inject_error": f"{OTHER} (PCI Express)",
    "qemu-io": "images are not written behind the guest's back; qemu-io does that when the machine does not run",
    "ringbuf_read": RING, "ringbuf_write": RING,
    "singlestep": "instructions are not translated in blocks, so there is nothing to split; stepi at playhead debug",
    **dict.fromkeys(("snapshot_blkdev", "snapshot_blkdev_internal", "snapshot_delete_blkdev_internal"), SNAPSHOT),
    "stopcapture": SOUND, "wavcapture": SOUND,
    "sync-profile": "there is nothing to profile; bench measures (./dev bench)",
    "watchdog_action": f"{OTHER} (watchdog)",
}  # fmt: skip

INFOS: dict[str, str] = {
    "balloon": f"{OTHER} (balloon device)",
    "dirty_rate": DIRTY, "vcpu_dirty_limit": DIRTY,
    "migrate_capabilities": MIGRATION, "migrate_parameters": MIGRATION,
    "opcount": "there is no translator that counts operations; info jit says what executes instructions",
    "profile": "there is nothing to profile; bench measures (./dev bench)",
    "qom-tree": "there is no object tree; info qtree shows the devices",
    "rdma": f"{OTHER} (RDMA device)",
    **dict.fromkeys(("rocker", "rocker-of-dpa-flows", "rocker-of-dpa-groups", "rocker-ports"),
                    f"{OTHER} (rocker switch)"),
    "sev": f"{OTHER} (AMD's encrypted memory)", "sgx": f"{OTHER} (enclaves)",
    "stats": "no statistics are kept; info blockstats and info replay have counts",
    "sync-profile": "there is nothing to profile; bench measures (./dev bench)",
    "usb": USB, "usbhost": USB,
    **dict.fromkeys(("virtio-queue-element", "virtio-queue-status", "virtio-status", "virtio-vhost-queue-status"),
                    f"{OTHER} (virtio)"),
    "vm-generation-id": f"{OTHER} (generation ID)",
}  # fmt: skip


def _never(words: list[str], say: Say) -> None:
    raise AssertionError("a command that is refused everywhere")


def commands() -> tuple[Command, ...]:
    """Not listed by `help`."""
    names = {**COMMANDS, **{f"info {name}": why for name, why in INFOS.items()}}
    return tuple(
        Command((name,), "...", f"not here: {why}", _never, refused=refused(why), listed=False)
        for name, why in names.items()
    )
