"""QEMU's commands that are known and not there, each with the reason and what there is instead."""

from playhead.monitor.refusals import NETWORK
from playhead.qmp.declared import refused

refused("a machine's devices are fixed when it starts, and a recording keeps their list; -device adds one",
        "device_add", "device_del", "blockdev-add", "blockdev-del", "qom-set")  # fmt: skip
refused(NETWORK, "netdev_add", "netdev_del")
refused("objects are made when the machine starts (-object filter-dump,id=ID,netdev=ID,file=FILE); what went over a "
        "recorded machine's network can be had later, too: playhead pcap", "object-add", "object-del")  # fmt: skip
refused("character devices are fixed when the machine starts, because their input is recorded by number; "
        "-chardev and -serial connect them",
        "chardev-add", "chardev-remove", "chardev-change", "chardev-send-break")  # fmt: skip
refused("a machine is not migrated: a recording can be copied and replayed anywhere",
        "migrate", "migrate-incoming", "migrate_cancel", "migrate-set-parameters", "migrate-set-capabilities",
        "query-migrate-parameters", "query-migrate-capabilities", "migrate-continue", "migrate-pause")  # fmt: skip
refused("no connection is encrypted, so there are no certificates to load again", "display-reload")
refused("there are no jobs on images while the machine runs: qemu-img does that when it does not",
        "block-commit", "block-stream", "drive-mirror", "blockdev-mirror", "drive-backup", "blockdev-backup",
        "block-job-cancel", "block_resize", "block_set_io_throttle", "nbd-server-start", "transaction",
        "blockdev-snapshot-sync", "blockdev-snapshot-internal-sync")  # fmt: skip
refused("this machine has no such device", "balloon", "set-action", "watchdog-set-action", "inject-error", "rtc-reset-"
        "reinjection", "xen-load-devices-state")  # fmt: skip
refused("file descriptors are not passed: name a file instead", "getfd", "closefd", "add-fd", "remove-fd",
        "query-fdsets", "add_client")  # fmt: skip
refused("media are no nodes of their own: eject takes one out, blockdev-change-medium puts one in",
        "blockdev-insert-medium", "blockdev-remove-medium")  # fmt: skip
