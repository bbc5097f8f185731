"""The fuzzers of `./dev fuzz NAME`, one file each, and the mutations that two of them make."""
