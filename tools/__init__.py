"""The programs behind `./dev` and their parts; `tools.…` is imported with the repository's root on the path."""
