"""Somebody at a mouse, at the keys or with a finger on a telephone, whose actions are counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Locator, Page

MOUSE, KEYS, TAPS = "mouse", "keys", "taps"
EVERY_WAY = (MOUSE, KEYS, TAPS)


def screen(way: str) -> dict[str, Any]:
    """Give the options of a browser profile for one of the ways."""
    if way == TAPS:
        return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    return {"viewport": {"width": 1440 if way == MOUSE else 1280, "height": 860}}


class Hands:
    """Whatever is done to a page; a click, a tap, a key and the text of one field count one."""

    def __init__(self, page: Page, way: str) -> None:
        self.page = page
        self.way = way
        self.done: list[str] = []

    def hit(self, place: Locator) -> None:
        """Click a place, or tap on it."""
        self.done.append("hit")
        if self.way == TAPS:
            place.tap()
        else:
            place.click()

    def press(self, key: str) -> None:
        """Press a key."""
        self.done.append(key)
        self.page.keyboard.press(key)

    def type(self, text: str, place: Locator | None = None) -> None:
        """Type a text into a field: at the keys into the one that has the focus."""
        if place and self.way == TAPS:
            place.tap()
        elif place and self.way == MOUSE:
            place.click()
        self.done.append(text)
        self.page.keyboard.type(text)

    def point(self, place: Locator) -> None:
        """Lead the focus to a place by Tab, which is to the keys what moving is to the mouse."""
        for _ in range(80):
            if place.evaluate("place => place === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the focus never comes to {place}")

    @contextmanager
    def at_most(self, count: int) -> Iterator[None]:
        """Check that what is done here takes no more actions than that."""
        before = len(self.done)
        yield
        done = self.done[before:]
        assert len(done) <= count, done
