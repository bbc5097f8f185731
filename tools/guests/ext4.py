"""An ext4 file system from a list of files, without mounting it and without being root.

`mke2fs` makes an empty one inside the disk image, `debugfs` then writes the files, which belong to whom the entries say
and not to who builds (mke2fs -d would take the builder's). Times, UUID and the seed of the directory hashes are fixed:
the same entries give the same bytes.

Features that GRUB 2.06 does not read are left out (`metadata_csum_seed`, `orphan_file`), as are the checksums of
metadata, which cost the guest instructions. Tables are written at once: otherwise the kernel would go on to do so in
the background for as long as the guest runs.
"""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

from tools.guests.apt import AptError
from tools.guests.host_tools import HostTools
from tools.guests.initramfs import Entry

UUID = "2d3a9f0e-5a44-4c1f-8d6b-706c61796865"
FEATURES = "^metadata_csum,^metadata_csum_seed,^orphan_file,^resize_inode"
BLOCK = 4096


def make(image: Path, offset: int, size: int, entries: list[Entry], tools: HostTools) -> None:
    """Put a file system of `size` bytes at `offset` of an existing image. A folder comes before what is in it; two
    entries may not have one path."""
    options = f"offset={offset},root_owner=0:0,hash_seed={UUID},lazy_itable_init=0,lazy_journal_init=0,nodiscard"
    tools.run("mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-O", FEATURES, "-U", UUID, "-L", "playhead",
              "-m", "0", "-J", "size=4", "-E", options, image, f"{size // 1024}k")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="ext4-", dir=image.parent) as scratch:
        commands = _commands(entries, Path(scratch))
        said = tools.run("debugfs", "-w", "-f", "-", f"{image}?offset={offset}", text="\n".join(commands) + "\n")
    prefixes = ("debugfs", "Allocated inode")
    odd = [line for line in said.splitlines() if line.strip() and not line.startswith(prefixes)]
    if odd:
        raise AptError(f"debugfs says: {odd[0]}")
    tools.run("e2fsck", "-f", "-n", f"{image}?offset={offset}")


def _commands(entries: list[Entry], scratch: Path) -> list[str]:
    """What debugfs is to do. Of `write` and `mknod` it takes a name, not a path: so the folder is entered first."""
    out: list[str] = []
    here = ""
    for number, entry in enumerate(entries):
        folder, _, name = entry.path.rpartition("/")
        if '"' in entry.path or "\n" in entry.path:
            raise AptError(f"a name that debugfs cannot be told: {entry.path!r}")
        if folder != here:
            out.append(f'cd "/{folder}"')
            here = folder
        kind = stat.S_IFMT(entry.mode)
        if kind == stat.S_IFDIR:
            out.append(f'mkdir "{name}"')
        elif kind == stat.S_IFREG:
            source = scratch / str(number)
            source.write_bytes(entry.data)
            out.append(f'write "{source}" "{name}"')
        elif kind == stat.S_IFLNK:
            out.append(f'symlink "{name}" "{entry.data.decode()}"')
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            out.append(f'mknod "{name}" {"cb"[kind == stat.S_IFBLK]} {entry.device[0]} {entry.device[1]}')
        else:
            raise AptError(f"a file of an unexpected kind: {entry.path}, mode {entry.mode:o}")
        if kind != stat.S_IFLNK:
            out.append(f'sif "{name}" mode 0{entry.mode:o}')
        for field, value in zip(("uid", "gid"), entry.owner, strict=True):
            if value:
                out.append(f'sif "{name}" {field} {value}')
    return out
