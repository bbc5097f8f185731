"""What pyproject.toml cannot say: the guest of `playhead demo` is assembled into the package when a wheel is built.

Its source is in guest/; no image is kept in the tree. An editable install has none, and assembles when it is run.
"""

import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent


class BuildWithDemo(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            out = Path(self.build_lib).resolve() / "playhead" / "cli" / "demo.bin"
            command = [sys.executable, "-m", "tools.asm", "guest/demo.s", "-o", str(out)]
            subprocess.run(command, cwd=HERE, check=True)


setup(cmdclass={"build_py": BuildWithDemo})
