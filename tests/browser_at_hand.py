"""Makes sure that a Chromium starts here, installing one if need be; fails loudly if none can."""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    """Give 0 when a browser starts, 1 with the reason when none does."""
    reason = why_none_starts()
    if reason:
        for command in installers():
            sys.stdout.write(f"No browser yet. Trying: {' '.join(command)}\n")
            sys.stdout.flush()
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
            reason = why_none_starts()
            if not reason:
                break
    if reason:
        sys.stderr.write(
            "The browser tests need a Chromium, and none could be installed. Install the package "
            f"`chromium` of your system, then run this again.\n{reason}\n"
        )
        return 1
    return 0


def installers() -> list[list[str]]:
    """List what may bring a browser onto this machine."""
    commands = []
    if os.geteuid() == 0 and shutil.which("apt-get"):
        commands.append(["apt-get", "update", "-qq"])
        commands.append(["apt-get", "install", "-y", "-qq", "chromium"])
    commands.append([sys.executable, "-m", "playwright", "install", "chromium"])
    return commands


def why_none_starts() -> str:
    """Start a browser and end it; give the reason when that fails, else nothing."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    try:
        with sync_playwright() as playwright:
            playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]).close()
    except Error as error:
        return str(error).strip().splitlines()[0]
    return ""


if __name__ == "__main__":
    sys.exit(main())
