"""What system software sees of the processor: paging, segments, interrupts, tasks, MSRs, CPUID."""
