"""The fuzzers of `./dev fuzz NAME`: one file each, beside the mutations that two of them make."""
