"""The extensions of the PBX: provided by telephony, needed where users are assigned theirs."""

from collections.abc import Callable, Collection


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
