# halt: interrupts off and hlt, with nothing left that could wake the CPU; an emulator should say so and end.
        .include "pc.inc"
main:
        print   "halting for good\n"
        call    drain
        cli
        hlt
        print   "woken\n"
        jmp     power_off
