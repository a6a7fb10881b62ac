"""The browser of the tests: the system's Chromium where it is installed, else Playwright's own."""

import shutil

from playwright.sync_api import Browser, Playwright

# Without windows that nobody sees it takes a quarter less of the processor; it knows neither
# microphones nor system notifications.
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


def executable_path(*, is_whole: bool = False) -> str | None:
    """Say where the browser is, the one with windows if it must be whole; None is Playwright's."""
    names = NAMES[1:] if is_whole else NAMES
    return next((found for name in names if (found := shutil.which(name))), None)


def launch(playwright: Playwright, *arguments: str, is_whole: bool = False) -> Browser:
    """Start a headless browser that talks to nobody but the page's own server."""
    path = executable_path(is_whole=is_whole)
    channel = "chromium" if is_whole and path is None else None
    return playwright.chromium.launch(
        executable_path=path, channel=channel, args=[*ARGUMENTS, *arguments]
    )
