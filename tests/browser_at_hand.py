"""Makes sure that a Chromium starts here, installing one if need be; fails loudly if none can."""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import Error, sync_playwright

from tests.browser.chromium import SHELL, executable_path, launch


def main() -> int:
    """Give 0 when a browser starts, 1 with the reason when none does."""
    reason = why_none_starts()
    for command in installers() if reason or is_slow() else ():
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


def is_slow() -> bool:
    """Say whether a browser can be had here with which the tests take a good part less time."""
    return may_install() and (shutil.which(SHELL) is None or executable_path(is_whole=True) is None)


def may_install() -> bool:
    """Say whether a package of the system can be installed."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def installers() -> list[list[str]]:
    """List what may bring a browser onto this machine."""
    commands = []
    if may_install():
        install = "apt-get install -y -qq chromium"
        commands.append(["sh", "-c", f"apt-get update -qq && {install} {SHELL} || {install}"])
    commands.append([sys.executable, "-m", "playwright", "install", "chromium"])
    return commands


def why_none_starts() -> str:
    """Start a browser and end it; give the reason when that fails, else nothing."""
    try:
        with sync_playwright() as playwright:
            for is_whole in (False, True):
                launch(playwright, is_whole=is_whole).close()
    except Error as error:
        return str(error).strip().splitlines()[0]
    return ""


if __name__ == "__main__":
    sys.exit(main())
