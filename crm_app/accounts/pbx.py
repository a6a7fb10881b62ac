"""The extensions of the PBX: provided by telephony, needed where users are assigned theirs."""

from collections.abc import Callable, Collection
from typing import Any


class Extensions:
    """Holds the function to ask, because accounts must not import telephony."""

    def __init__(self) -> None:
        self._ask: Callable[[], Collection[str] | None] = lambda: None

    def come_from(self, ask: Callable[[], Collection[str] | None]) -> None:
        """Set the function to ask; it returns None when the extensions are not known."""
        self._ask = ask

    def known(self) -> Collection[str] | None:
        """Return the extensions of the PBX, None when they are not known."""
        return self._ask()


extensions = Extensions()

Extended = Callable[[Any, Any], None]
_when_extended: list[Extended] = []


def when_extended(follow: Extended) -> Extended:
    """Run a function with a user who has got an extension, and with who did it."""
    _when_extended.append(follow)
    return follow


def tell_extended(user: Any, by: Any) -> None:
    """Let all hear that a user has got an extension."""
    for follow in _when_extended:
        follow(user, by)
