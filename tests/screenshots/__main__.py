"""`python -m tests.screenshots [name...]`: photographs pages into docs/screenshots."""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import launch
from tests.screenshots.sample import SampleOffice
from tests.screenshots.visit import show, walk

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
SIZES = {1440: 900, 768: 1024, 390: 844}
THEMES = ("light", "dark")
# An agent's browser lets the ringing be heard after the first click on any page.
LETS_IT_RING = "--autoplay-policy=no-user-gesture-required"
# So much of a long page says enough.
TALLEST = 2000
# So many colours draw our pages as they are, in a third of the bytes.
COLOURS = 160


def main(wanted: list[str]) -> None:
    """Photograph the named pages, by default all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, SampleOffice() as office:
        browser = launch(playwright, LETS_IT_RING)
        context = browser.new_context(reduced_motion="reduce", locale="en-GB")
        context.set_default_timeout(15_000)
        for name, page in walk(office, context):
            if not wanted or name in wanted:
                photograph(page, name)
        browser.close()


def photograph(page: Page, name: str) -> None:
    """Take the page at each width, light and dark."""
    for width, height in SIZES.items():
        for theme in THEMES:
            show(page, width, height, theme)
            long = page.evaluate("document.documentElement.scrollHeight")
            tall = height if name.startswith("popup") else min(max(long, height), TALLEST)
            page.set_viewport_size({"width": width, "height": tall})
            keep(page.screenshot(animations="disabled"), FOLDER / f"{name}-{width}-{theme}.png")
    sys.stdout.write(f"{name}\n")


def keep(picture: bytes, path: Path) -> None:
    """Write a picture with few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    small = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
