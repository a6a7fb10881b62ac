"""The browser of the tests: Debian's Chromium where it is installed, else Playwright's own."""

from pathlib import Path

from playwright.sync_api import Browser, Playwright

SYSTEM_CHROMIUM = Path("/usr/bin/chromium-headless-shell")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that nobody speaks into; pages still have to be allowed it.
    "--use-fake-device-for-media-stream",
]


def executable_path() -> str | None:
    """Say where the browser is; None lets Playwright look for its own."""
    return str(SYSTEM_CHROMIUM) if SYSTEM_CHROMIUM.exists() else None


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Start a headless browser that talks to nobody but the page's own server."""
    return playwright.chromium.launch(
        executable_path=executable_path(), args=[*ARGUMENTS, *arguments]
    )
