"""The version, in a module that imports nothing: what the package itself gives imports all the rest."""

__version__ = "0.8.0"
