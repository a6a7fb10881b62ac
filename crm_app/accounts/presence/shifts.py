"""The office's working hours: provided by the office's package, needed to say who is off shift."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class WorkingHours(Protocol):
    """When the office works."""

    def is_open(self, moment: datetime) -> bool:
        """Whether it works then."""

    def next_opening(self, moment: datetime) -> datetime:
        """Return when it works next."""


class Shifts:
    """Holds the function to ask, because accounts must not import what stands above it."""

    def __init__(self) -> None:
        self._ask: Callable[[], WorkingHours | None] = lambda: None

    def come_from(self, ask: Callable[[], WorkingHours | None]) -> None:
        """Set the function to ask; it returns None while no hours are set: then all work."""
        self._ask = ask

    def hours(self) -> WorkingHours | None:
        """Return the working hours, None while there are none."""
        return self._ask()


shifts = Shifts()
