"""Who uses which cluster of a qcow2 image: counted from its tables, for snapshots and for repairs."""

from array import array
from collections import Counter
from collections.abc import Iterable

from playhead.host.block import compression, layout
from playhead.host.block.mapping import Mapping
from playhead.host.block.reading import Reader
from playhead.host.block.refcounts import Refcounts
from playhead.host.block.snapshot_table import Snapshot

SNAPSHOT_TABLE, SNAPSHOT_L1 = "the snapshot table", "a snapshot's L1 table"


def of_l1(mapping: Mapping, reader: Reader, *tables: array) -> Counter[int]:
    """How often these L1 tables use each cluster: their L2 tables, and what those point to."""
    container = mapping.container
    l2: Counter[int] = Counter()
    for l1 in tables:
        offsets = [mapping.check_l1_entry(entry) for entry in l1 if entry]
        if len(set(offsets)) < len(offsets):  # so the work is bounded by the file's length
            raise container.fail("an L1 table uses an L2 table twice")
        l2.update(offsets)
    counts: Counter[int] = Counter()
    for offset, users in l2.items():
        counts[offset >> container.bits] += users
        for entry in mapping.peek(offset):
            if entry:
                for cluster in _clusters(reader, entry):
                    counts[cluster] += users
    return counts


def _clusters(reader: Reader, entry: int) -> Iterable[int]:
    container = reader.container
    if entry & layout.COMPRESSED:
        clusters = compression.host_clusters(entry, container.bits)
    else:
        cluster = reader.host_cluster(entry) >> container.bits
        clusters = range(cluster, cluster + 1) if cluster else range(0)
    if clusters and clusters.start << container.bits >= container.file.length:
        raise container.fail(f"entry {entry:#x} of an L2 table points outside the file")
    return clusters


def claim_snapshots(mapping: Mapping, snapshots: list[Snapshot], table_bytes: int) -> None:
    """Nothing else may be where the snapshots' own tables are."""
    container = mapping.container
    if snapshots:
        container.claim(container.header.snapshots_offset, table_bytes, SNAPSHOT_TABLE)
    for snapshot in snapshots:
        if snapshot.l1_size:
            container.check_place(snapshot.l1_offset, snapshot.l1_size * 8, SNAPSHOT_L1)
        first = snapshot.l1_offset >> container.bits
        for cluster in range(first, first + layout.clusters_for(snapshot.l1_size * 8, container.bits)):
            container.claim_one(cluster, SNAPSHOT_L1)


def mark_copied(mapping: Mapping, reader: Reader, refcounts: Refcounts) -> None:
    """Make the flag of every entry that is reached from the active L1 table say what the refcounts say."""
    bits = mapping.container.bits
    for number, l1_entry in enumerate(mapping.l1):
        if not l1_entry:
            continue
        offset = mapping.check_l1_entry(l1_entry)
        flag = layout.COPIED if refcounts.get(offset >> bits) == 1 else 0
        if l1_entry != offset | flag:
            mapping.set_l1(number, offset | flag)
        table = mapping.load(offset)
        for index, entry in enumerate(table.entries):
            if not entry:
                continue
            right = entry & ~layout.COPIED
            if not entry & layout.COMPRESSED and (host := reader.host_cluster(entry)):
                right |= layout.COPIED if refcounts.get(host >> bits) == 1 else 0
            if right != entry:
                mapping.set(table, index, right)


def repair(mapping: Mapping, reader: Reader, refcounts: Refcounts, snapshots: list[Snapshot], table_bytes: int) -> None:
    """Make the refcounts what the tables say, after a program that kept them in memory only (lazy refcounts) was
    killed. The caller then writes everything and marks the entries."""
    container, header = mapping.container, mapping.container.header
    tables = [mapping.read_l1(s.l1_offset, s.l1_size, SNAPSHOT_L1) for s in snapshots]
    counts = of_l1(mapping, reader, mapping.l1, *tables)
    counts.update([0])  # the header's cluster
    regions = [(header.l1_offset, header.l1_size * 8), (header.snapshots_offset, table_bytes)]
    regions.append((header.refcount_table_offset, header.refcount_table_clusters << container.bits))
    regions += [(entry, container.cluster_size) for entry in refcounts.table if entry]
    regions += [(snapshot.l1_offset, snapshot.l1_size * 8) for snapshot in snapshots]
    for offset, length in regions:
        counts.update(range(offset >> container.bits, layout.clusters_for(offset + length, container.bits)))
    if max(counts.values()) > refcounts.maximum:
        raise container.fail("the image needs larger refcounts than it has room for")
    for cluster in list(refcounts.used()):
        if cluster not in counts:
            refcounts.set(cluster, 0)
    refcounts.hint = layout.clusters_for(container.file.length, container.bits)  # new blocks: after everything
    for cluster in sorted(counts):
        refcounts.cover(cluster)
        if refcounts.get(cluster) != counts[cluster]:
            refcounts.set(cluster, counts[cluster])
    refcounts.hint = 0
