"""The browser of the tests: the system's Chromium where it is installed, else Playwright's own."""

import shutil

from playwright.sync_api import Browser, Playwright

# Without windows that nobody sees it takes a quarter less of the processor.
SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Start a headless browser that talks to nobody but the page's own server."""
    return playwright.chromium.launch(
        executable_path=executable_path(), args=[*ARGUMENTS, *arguments]
    )
