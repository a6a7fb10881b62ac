"""Checks the scripts of the pages with Biome, whose package exists for Linux on x86-64 alone."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Lint the scripts and look whether they are formatted; elsewhere say that it was not done."""
    biome = shutil.which("biome", path=str(Path(sys.executable).parent))
    if biome is not None:
        command = [biome, "ci", "--error-on-warnings", "--colors=off"]
        return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        sys.stderr.write("biome is missing: remove .venv, and make installs it\n")
        return 1
    sys.stdout.write("The scripts are not checked: biome has no package for this machine.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
