"""The printed table of one benchmark run."""


class Table:
    """Collects rows; each has a value and, where one was promised, a limit and whether it holds."""

    def __init__(self) -> None:
        self.failed = 0

    def title(self, text: str) -> None:
        """Print a heading."""
        print(f"\n{text}\n{'-' * len(text)}", flush=True)

    def row(self, name: str, value: str, limit: str = "", holds: bool | None = None) -> None:
        """Print one measurement."""
        verdict = "" if holds is None else ("ok" if holds else "MISSED")
        self.failed += holds is False
        print(f"{name:<64} {value:>28}  {limit:>12}  {verdict}", flush=True)
