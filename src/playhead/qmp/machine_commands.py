"""What the machine is: processor, memory, versions of the machine, models of the processor, PCI, names."""

from typing import Any

from playhead.boards import machine_version
from playhead.devices.pci.bus import BAR0, INTERRUPT_LINE, INTERRUPT_PIN, PciFunction
from playhead.monitor.devices import CLASS, CLASSES, DEVICE, SUBSYSTEM, SUBSYSTEM_VENDOR, VENDOR
from playhead.qmp.declared import command
from playhead.qmp.errors import NOT_ACTIVE, QmpError
from playhead.qmp.objects import CPU_PATH, cpu_type
from playhead.qmp.service import Qmp
from playhead.qmp.types import ANY, BOOL, INT, STR, Enum, Struct
from playhead.x86.system.cpuid import MODELS

TARGET = Enum("SysEmuTarget", "i386")
PLACE = Struct("CpuInstanceProperties", {"*socket-id": INT, "*core-id": INT, "*thread-id": INT})
CPU = Struct("CpuInfoFast", {"cpu-index": INT, "qom-path": STR, "thread-id": INT, "*props": PLACE, "target": TARGET})
HOTPLUGGABLE = Struct("HotpluggableCPU", {"type": STR, "vcpus-count": INT, "props": PLACE, "*qom-path": STR})
MACHINE = Struct("MachineInfo", {
    "name": STR, "*alias": STR, "*is-default": BOOL, "cpu-max": INT, "hotpluggable-cpus": BOOL,
    "numa-mem-supported": BOOL, "deprecated": BOOL, "*default-cpu-type": STR, "*default-ram-id": STR,
})  # fmt: skip
MODEL = Struct("CpuDefinitionInfo", {
    "name": STR, "*migration-safe": BOOL, "static": BOOL, "*unavailable-features": [STR], "typename": STR,
    "deprecated": BOOL,
})  # fmt: skip
REGION = Struct("PciMemoryRegion", {"bar": INT, "type": STR, "address": INT, "size": INT, "*prefetch": BOOL,
                                    "*mem_type_64": BOOL})  # fmt: skip
PCI_CLASS = Struct("PciDeviceClass", {"*desc": STR, "class": INT})
PCI_ID = Struct("PciDeviceId", {"device": INT, "vendor": INT, "*subsystem": INT, "*subsystem-vendor": INT})
PCI_DEVICE = Struct("PciDeviceInfo", {
    "bus": INT, "slot": INT, "function": INT, "class_info": PCI_CLASS, "id": PCI_ID, "*irq": INT, "irq_pin": INT,
    "qdev_id": STR, "regions": [REGION],
})  # fmt: skip
PCI_BUS = Struct("PciInfo", {"bus": INT, "devices": [PCI_DEVICE]})
CHARDEV = Struct("ChardevInfo", {"label": STR, "filename": STR, "frontend-open": BOOL})
MOUSE = Struct("MouseInfo", {"name": STR, "index": INT, "current": BOOL, "absolute": BOOL})


@command("query-name", returns=Struct("NameInfo", {"*name": STR}), about="the name that -name gave")
def query_name(qmp: Qmp) -> dict[str, str]:
    return {"name": qmp.around.name} if qmp.around.name else {}


@command("query-uuid", returns=Struct("UuidInfo", {"UUID": STR}), about="the UUID that -uuid gave")
def query_uuid(qmp: Qmp) -> dict[str, str]:
    return {"UUID": qmp.around.uuid}


@command("query-kvm", returns=Struct("KvmInfo", {"enabled": BOOL, "present": BOOL}), about="there is no KVM")
def query_kvm(qmp: Qmp) -> dict[str, bool]:
    return {"enabled": False, "present": False}


@command("query-target", returns=Struct("TargetInfo", {"arch": TARGET}), about="what kind of processor is emulated")
def query_target(qmp: Qmp) -> dict[str, str]:
    return {"arch": "i386"}


@command("query-cpus-fast", returns=[CPU], about="the processor; `thread-id` is that of the process, which runs it")
def query_cpus_fast(qmp: Qmp) -> list[dict[str, Any]]:
    import os

    return [{"thread-id": os.getpid(), "props": _place(), "qom-path": CPU_PATH, "cpu-index": 0, "target": "i386"}]


@command("query-hotpluggable-cpus", returns=[HOTPLUGGABLE], about="the processor, which cannot be taken out")
def query_hotpluggable_cpus(qmp: Qmp) -> list[dict[str, Any]]:
    kind = cpu_type(qmp.target.machine.config.cpu)
    return [{"props": _place(), "vcpus-count": 1, "qom-path": CPU_PATH, "type": kind}]


def _place() -> dict[str, int]:
    return {"core-id": 0, "thread-id": 0, "socket-id": 0}


@command("query-memory-size-summary", returns=Struct("MemoryInfo", {"base-memory": INT, "*plugged-memory": INT}),
         about="bytes of memory")  # fmt: skip
def query_memory_size_summary(qmp: Qmp) -> dict[str, int]:
    return {"base-memory": qmp.target.machine.config.ram_bytes, "plugged-memory": 0}


@command("query-memory-devices", returns=[ANY], about="there are none")
def query_memory_devices(qmp: Qmp) -> list[Any]:
    return []


@command("query-machines", returns=[MACHINE], about="the versions of the machine")
def query_machines(qmp: Qmp) -> list[dict[str, Any]]:
    newest = machine_version.newest()
    found = []
    for version in machine_version.VERSIONS:
        default = {"is-default": True, "alias": "pc"} if version.name == newest else {}
        found.append({
            "hotpluggable-cpus": False, "name": version.name, "numa-mem-supported": False, "cpu-max": 1,
            "deprecated": False, "default-ram-id": "pc.ram", **default,
        })  # fmt: skip
    return found


@command("query-current-machine", returns=Struct("CurrentMachineParams", {"wakeup-suspend-support": BOOL}),
         about="whether `system_wakeup` can wake the guest")  # fmt: skip
def query_current_machine(qmp: Qmp) -> dict[str, bool]:
    return {"wakeup-suspend-support": True}


@command("query-cpu-definitions", returns=[MODEL], about="the models for -cpu")
def query_cpu_definitions(qmp: Qmp) -> list[dict[str, Any]]:
    return [{"name": name, "typename": cpu_type(name), "unavailable-features": [], "migration-safe": False,
             "static": False, "deprecated": False} for name in MODELS]  # fmt: skip


@command("query-chardev", returns=[CHARDEV], about="the character devices, and where they lead")
def query_chardev(qmp: Qmp) -> list[dict[str, Any]]:
    there = qmp.around.chardevs()
    return [{"frontend-open": is_open, "filename": where, "label": label} for label, where, is_open in there]


@command("query-mice", returns=[MOUSE], about="the pointing devices; movements go to the current one")
def query_mice(qmp: Qmp) -> list[dict[str, Any]]:
    return [{"index": mouse.number, "name": mouse.name, "current": mouse.current, "absolute": mouse.absolute}
            for mouse in qmp.target.mice()]  # fmt: skip


@command("query-iothreads", returns=[ANY], about="there are none")
def query_iothreads(qmp: Qmp) -> list[Any]:
    return []


@command("query-acpi-ospm-status", returns=[ANY], about="the guest reports nothing")
def query_acpi_ospm_status(qmp: Qmp) -> list[Any]:
    return []


@command("query-tpm", returns=[ANY], about="there are none")
def query_tpm(qmp: Qmp) -> list[Any]:
    return []


@command("query-block-jobs", returns=[ANY], about="there are none")
def query_block_jobs(qmp: Qmp) -> list[Any]:
    return []


@command("query-balloon", returns=Struct("BalloonInfo", {"actual": INT}), about="there is no balloon device")
def query_balloon(qmp: Qmp) -> None:
    raise QmpError("No balloon device has been activated", NOT_ACTIVE)


@command("query-migrate", about="nothing is being migrated")
def query_migrate(qmp: Qmp) -> None:
    pass


@command("query-pci", returns=[PCI_BUS], about="the functions on the PCI bus, and where their ranges are")
def query_pci(qmp: Qmp) -> list[dict[str, Any]]:
    return [{"bus": 0, "devices": [_function(devfn, one) for devfn, one in qmp.target.machine.board.bus.functions()]}]


def _function(devfn: int, one: PciFunction[Any]) -> dict[str, Any]:
    pin, code = one.state.config[INTERRUPT_PIN], one.word(CLASS)
    named = {"desc": CLASSES[code]} if code in CLASSES else {}
    return {
        "bus": 0, "slot": devfn >> 3, "function": devfn & 7, "qdev_id": one.name, "irq_pin": pin,
        "class_info": {"class": code, **named},
        "id": {"device": one.word(DEVICE), "vendor": one.word(VENDOR), "subsystem": one.word(SUBSYSTEM),
               "subsystem-vendor": one.word(SUBSYSTEM_VENDOR)},
        **({"irq": one.state.config[INTERRUPT_LINE]} if pin else {}),
        "regions": [_region(one, bar) for bar in one.BARS],
    }  # fmt: skip


def _region(one: PciFunction[Any], bar: Any) -> dict[str, Any]:
    """`address` is -1 while it is not decoded, as in QEMU."""
    at = one.bar(bar.index)
    region = {"bar": bar.index, "size": bar.length, "address": -1 if at is None else at,
              "type": "io" if bar.io else "memory"}  # fmt: skip
    if not bar.io:
        low = one.word(BAR0 + 4 * bar.index, 4)
        region |= {"prefetch": bool(low & 8), "mem_type_64": low & 6 == 4}
    return region
