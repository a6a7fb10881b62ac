"""What the pages and the command say about a list of calls."""

from typing import Any

from flask_babel import lazy_gettext as _l

CLOCK_UNKNOWN = _l(
    "The account's clock is not known yet: the times in the file are taken as UTC, and put right "
    "as soon as it is known."
)
WHY_NOT_READ: dict[str, Any] = {
    "missing": _l("The file cannot be read."),
    "too_large": _l("The file is larger than 50 MB."),
    "empty": _l("The file is empty."),
    "no_header": _l(
        "This is not the cabinet's list of calls: the columns date, clid, destination, disposition "
        "and call_id are needed."
    ),
}
WHY_REFUSED: dict[str, Any] = {
    "id_missing": _l("It has no call id."),
    "id_too_long": _l("Its call id is too long to be one."),
    "date_unreadable": _l("Its date cannot be read."),
    "phantom": _l("No record of this call has an id: a trunk listed it twice."),
    "not_stored": _l("It could not be stored; see the log."),
}
