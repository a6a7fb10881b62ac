"""Makes sure that a Chromium starts here, installing one if need be; fails loudly if none can."""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import Error, sync_playwright

from tests.browser.chromium import SHELL, launch


def main() -> int:
    """Give 0 when a browser starts, 1 with the reason when none does."""
    # Any Chromium will do, but with this one the tests take a good part less of their time.
    reason = why_none_starts() if shutil.which(SHELL) or not may_install() else "no shell"
    for command in installers() if reason else ():
        sys.stdout.write(f"Looking for a browser: {' '.join(command)}\n")
        sys.stdout.flush()
        is_done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
        reason = why_none_starts()
        if is_done and not reason:
            break
    if reason:
        sys.stderr.write(
            "The browser tests need a Chromium, and none could be installed. Install the package "
            f"`chromium` of your system, then run this again.\n{reason}\n"
        )
        return 1
    return 0


def may_install() -> bool:
    """Say whether a package of the system can be installed."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def installers() -> list[list[str]]:
    """List what may bring a browser onto this machine."""
    commands = []
    if may_install():
        commands.append(["sh", "-c", f"apt-get update -qq && apt-get install -y -qq {SHELL}"])
        commands.append(["apt-get", "install", "-y", "-qq", "chromium"])
    commands.append([sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"])
    return commands


def why_none_starts() -> str:
    """Start a browser and end it; give the reason when that fails, else nothing."""
    try:
        with sync_playwright() as playwright:
            launch(playwright).close()
    except Error as error:
        return str(error).strip().splitlines()[0]
    return ""


if __name__ == "__main__":
    sys.exit(main())
