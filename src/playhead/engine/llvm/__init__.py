"""Tier 1: the native interpreter. Handlers and routines of the IR become machine code through LLVM, once per
version."""
