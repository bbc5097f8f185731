"""The 32-bit x86 processor, declared: state, instructions, decoding, paging, faults. No engine runs here."""
