"""The model-specific registers that there are (manual volume 4, P6 family): numbers, places and first values, as data.
msr.py has what RDMSR and WRMSR do.
"""

TSC, PLATFORM_ID, APIC_BASE, MICROCODE, MTRR_CAP, DEBUG_CONTROL = 0x10, 0x17, 0x1B, 0x8B, 0xFE, 0x1D9
P5_MC_TYPE = 1  # of processors with MCE: 0 and 1 tell of the last machine check
CORE_COUNT, MICROCODE_UPDATE, PERF_STATUS = 0x35, 0x79, 0x198
CONSTANT = {  # read only: what QEMU says of its processors
    PLATFORM_ID: 0, MICROCODE: 1 << 32, DEBUG_CONTROL: 0, CORE_COUNT: 0x1_0001, PERF_STATUS: 4 << 40 | 1000,
}  # fmt: skip
MCG_CAP, MCG_STATUS, MCG_CTL, MC_BANK_0, MC_BANKS = 0x179, 0x17A, 0x17B, 0x400, 10
MISC_ENABLE, PAT, EFER = 0x1A0, 0x277, 0xC0000080
SYSENTER = {0x174: "sysenter_cs", 0x175: "sysenter_esp", 0x176: "sysenter_eip"}
# MSRs that are only stored: first number, how many, first index in the state field `msrs`, the feature they belong to.
PAT_AT, MISC_ENABLE_AT, MCG_STATUS_AT, MCG_CTL_AT, BANKS_AT = 28, 29, 30, 31, 32
STORED = (
    (0x200, 16, 0, "mtrr"), (0x250, 1, 16, "mtrr"), (0x258, 2, 17, "mtrr"), (0x268, 8, 19, "mtrr"),
    (0x2FF, 1, 27, "mtrr"), (PAT, 1, PAT_AT, "pat"), (MISC_ENABLE, 1, MISC_ENABLE_AT, "msr"),
    (MCG_STATUS, 1, MCG_STATUS_AT, "mca"), (MCG_CTL, 1, MCG_CTL_AT, "mca"),
    (MC_BANK_0, 4 * MC_BANKS, BANKS_AT, "mca"),
)  # fmt: skip
MTRR_CAP_VALUE = 0x508  # eight variable ranges, fixed ranges, write-combining
MCG_CAP_VALUE = 0x0100_0100 | MC_BANKS  # MCG_CTL is there; software error recovery
APIC_BASE_WRITABLE = 0xFFFFF800  # base and enable; bit 8 says "boot processor"
ONES = (1 << 64) - 1
FIRST_VALUES = {PAT_AT: 0x0007040600070406, MISC_ENABLE_AT: 1, MCG_CTL_AT: ONES} | {
    BANKS_AT + 4 * n: ONES for n in range(MC_BANKS)
}
