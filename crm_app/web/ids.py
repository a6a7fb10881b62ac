"""Ids in addresses and forms: impossible ones are refused before the database is asked."""

from werkzeug.routing import IntegerConverter, Map

from crm_app.database import LARGEST_ID


class IdConverter(IntegerConverter):
    """The `<int:…>` of our routes: a number that no row can have is an unknown address (404)."""

    def __init__(self, url_map: Map, maximum: int = LARGEST_ID) -> None:
        """Accept 0 to `maximum`."""
        super().__init__(url_map, max=maximum)


def read_id(text: str | None) -> int | None:
    """Read an identity from a query or a form; None when it cannot be one."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > len(str(LARGEST_ID)):
        return None
    number = int(text)
    return number if number <= LARGEST_ID else None
