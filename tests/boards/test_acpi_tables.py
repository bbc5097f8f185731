"""The ACPI tables: every sum, every pointer, the loader script, and (if iasl is installed) ACPICA's opinion."""

import hashlib
import shutil
import struct
import subprocess
from dataclasses import replace

import pytest

from playhead.boards import acpi_tables, aml, pc_memory
from playhead.boards.acpi_tables import LOADER_FILE, RSDP_FILE, TABLES_FILE, SleepTypes
from playhead.boards.config import PcConfig

COM = ((0x3F8, 4), (0x2F8, 3))
BASE, ROOT = 0x7FF0000, 0xF0000


@pytest.fixture
def linked():
    return acpi_tables.build(0xE0000000, COM, True, SleepTypes(1, 2)).link({TABLES_FILE: BASE, RSDP_FILE: ROOT})


def table(blob, address):
    at = address - BASE
    (length,) = struct.unpack_from("<I", blob, at + 4)
    return blob[at : at + length]


def walk(linked):
    blob = linked[TABLES_FILE]
    rsdt = table(blob, struct.unpack_from("<I", linked[RSDP_FILE], 16)[0])
    tables = [table(blob, a) for (a,) in struct.iter_unpack("<I", rsdt[36:])]
    found = {t[:4]: t for t in [rsdt, *tables]}
    facs, dsdt = struct.unpack_from("<II", found[b"FACP"], 36)
    return found | {b"FACS": table(blob, facs), b"DSDT": table(blob, dsdt)}, facs


def test_pointers_and_sums(linked):
    root = linked[RSDP_FILE]
    assert len(root) == 20 and root[:8] == b"RSD PTR " and sum(root) & 0xFF == 0 and root[15] == 0
    tables, facs = walk(linked)
    assert list(tables) == [b"RSDT", b"FACP", b"APIC", b"HPET", b"FACS", b"DSDT"]
    assert facs % 64 == 0 and len(tables[b"FACS"]) == 64
    for name in (b"RSDT", b"FACP", b"APIC", b"HPET", b"DSDT"):
        assert sum(tables[name]) & 0xFF == 0, name


def test_fadt(linked):
    fadt = walk(linked)[0][b"FACP"]
    assert len(fadt) == 116 and fadt[8] == 1
    assert struct.unpack_from("<HIBB", fadt, 46) == (9, 0xB2, 0xF1, 0xF0)
    assert struct.unpack_from("<8I", fadt, 56) == (0x600, 0, 0x604, 0, 0, 0x608, 0xAFE0, 0)
    assert fadt[88:94] == bytes((4, 2, 0, 4, 4, 0)) and fadt[108] == 0x32
    assert struct.unpack_from("<I", fadt, 112) == (0x80A5,)


def test_madt(linked):
    madt = walk(linked)[0][b"APIC"]
    assert struct.unpack_from("<II", madt, 36) == (0xFEE00000, 1)
    entries, at = [], 44
    while at < len(madt):
        entries.append(madt[at : at + madt[at + 1]])
        at += madt[at + 1]
    assert [e[0] for e in entries] == [0, 1, 2, 2, 2, 2, 2, 4]
    overrides = [struct.unpack_from("<BIH", e, 3) for e in entries if e[0] == 2]
    assert overrides == [(0, 2, 0), (5, 5, 0xD), (9, 9, 0xD), (10, 10, 0xD), (11, 11, 0xD)]


def test_hpet(linked):
    """QEMU's, but for who made it."""
    hpet = walk(linked)[0][b"HPET"]
    assert len(hpet) == 56 and hpet[8] == 1
    assert hpet[36:].hex() == "01a28680" + "00000000" + "0000d0fe00000000" + "00" * 4
    without = acpi_tables.build(0xE0000000, COM).link({TABLES_FILE: BASE, RSDP_FILE: ROOT})
    assert b"HPET" not in walk(without)[0] and b"HPTM" not in without[TABLES_FILE]


def test_loader_script_does_what_link_does(linked):
    tables = acpi_tables.build(0xE0000000, COM, True, SleepTypes(1, 2))
    script = tables.loader()
    files = {name: bytearray(data) for name, data in tables.files.items()}
    address, seen = {}, []
    for entry in (script[i : i + 128] for i in range(0, len(script), 128)):
        (command,) = struct.unpack_from("<I", entry)
        seen.append(command)
        name = entry[4:60].rstrip(b"\0").decode()
        if command == 1:
            align, zone = struct.unpack_from("<IB", entry, 60)
            address[name] = ROOT if zone == 2 else BASE
            assert address[name] % align == 0
        elif command == 2:
            source = entry[60:116].rstrip(b"\0").decode()
            at, size = struct.unpack_from("<IB", entry, 116)
            value = int.from_bytes(files[name][at : at + size], "little") + address[source]
            files[name][at : at + size] = value.to_bytes(size, "little")
        else:
            at, start, length = struct.unpack_from("<III", entry, 60)
            files[name][at] = -sum(files[name][start : start + length]) & 0xFF
    assert seen == sorted(seen) and {n: bytes(d) for n, d in files.items()} == linked
    assert LOADER_FILE not in files


PC_2 = "cf9038a1d126de159e29a62f5c8188d563113c2ad5eb603c99c9f1457f9d59b4"


def test_what_firmware_is_told_by_version():
    """All that pc-2 tells is as Playhead 0.2.0 told it; suspend is of later versions, unless it is switched off."""

    def files(machine="pc-3", **values):
        config = PcConfig(bios=bytes(65536), machine=machine)
        if values:
            entries = [e._replace(values=values) if e.driver == "PIIX4_PM" else e for e in config.devices]
            config = replace(config, devices=tuple(entries))
        return pc_memory.firmware_files(config, pc_memory.acpi(config))

    old = files("pc-2")
    assert hashlib.sha256(b"".join(old[name] for name in sorted(old))).hexdigest() == PC_2
    assert old["etc/system-states"] == bytes.fromhex("800000010280")
    new = files()
    assert new["etc/system-states"] == bytes.fromhex("800000818280")
    assert b"_S3_" in new[TABLES_FILE] and b"_S4_" in new[TABLES_FILE] and b"_S3_" not in old[TABLES_FILE]
    changed = files(disable_s3=1, s4_val=5)
    assert changed["etc/system-states"] == bytes.fromhex("800000018580")
    assert b"_S3_" not in changed[TABLES_FILE] and b"_S4_\x12\x08\x04\x0a\x05\x0a\x05" in changed[TABLES_FILE]


def test_aml_encoding():
    assert [aml.integer(v) for v in (0, 1, 2, 0x100, 0x10000)] == [
        b"\0", b"\1", b"\x0a\x02", b"\x0b\x00\x01", b"\x0c\x00\x00\x01\x00",
    ]  # fmt: skip
    assert aml.path(r"\_SB.PCI0.ISA") == b"\\\x2f\x03_SB_PCI0ISA_"
    assert aml.path("_SB.PCI0") == b"\x2e_SB_PCI0" and aml.path("^^X") == b"^^X___" and aml.path("\\") == b"\\\0"
    assert aml.eisaid("PNP0A03") == bytes.fromhex("0c41d00a03")
    assert aml.package_length(62) == b"\x3f" and aml.package_length(63) == b"\x41\x04"
    assert aml.package_length(0x1000 - 3) == bytes.fromhex("4fff") or aml.package_length(0x1000 - 3)[0] >> 6 == 1


@pytest.mark.skipif(shutil.which("iasl") is None, reason="no iasl (acpica-tools): the AML is not cross-checked")
@pytest.mark.parametrize("name", [b"DSDT", b"FACP", b"APIC", b"HPET"])
def test_acpica_understands_it(linked, tmp_path, name):
    file = tmp_path / f"{name.decode().lower()}.aml"
    file.write_bytes(walk(linked)[0][name])
    run = subprocess.run(["iasl", "-d", file], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    text = file.with_suffix(".dsl").read_text()
    assert run.returncode == 0 and "Incorrect" not in text and "rror" not in text.replace("0 Errors", "")
    if name == b"DSDT":
        assert all(f"{name}, Package (0x04)" in text for name in ("_S3", "_S4", "_S5"))
        for part in ("Name (_PRT, Package (0x80)", 'EisaId ("PNP0A03")', "Method (_SRS, 1, Serialized)", "PRQ3,   8",
                     'EisaId ("PNP0103")', "(Local1 > 0x05F5E100)"):
            assert part in text
        args = ["iasl", "-p", tmp_path / "again", file.with_suffix(".dsl")]
        again = subprocess.run(args, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
        assert "0 Errors, 0 Warnings" in again.stdout
