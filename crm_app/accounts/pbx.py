"""Which extensions the PBX has: said by what is joined to it, asked where people get theirs."""

from collections.abc import Callable, Collection


class Extensions:
    """Holds the question, because the link with the PBX stands above the people."""

    def __init__(self) -> None:
        self._ask: Callable[[], Collection[str] | None] = lambda: None

    def come_from(self, ask: Callable[[], Collection[str] | None]) -> None:
        """Say whom to ask; None as the answer means that nobody knows."""
        self._ask = ask

    def known(self) -> Collection[str] | None:
        """Give the extensions of the PBX, None when they are not known."""
        return self._ask()


extensions = Extensions()
