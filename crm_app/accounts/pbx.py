"""Which extensions the PBX has: answered by telephony, asked where users get theirs."""

from collections.abc import Callable, Collection


class Extensions:
    """Holds the question, because the link with the PBX stands above the people."""

    def __init__(self) -> None:
        self._ask: Callable[[], Collection[str] | None] = lambda: None

    def come_from(self, ask: Callable[[], Collection[str] | None]) -> None:
        """Set the function to ask; it returns None when the extensions are not known."""
        self._ask = ask

    def known(self) -> Collection[str] | None:
        """Return the extensions of the PBX, None when they are not known."""
        return self._ask()


extensions = Extensions()
