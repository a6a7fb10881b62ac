"""Reads the list of calls that the PBX's cabinet gives as CSV, and takes it into the log.

Its times are those of the account's clock, its last column is the PBX's id of the call. Several
rows of one call are its legs. Nothing here commits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from crm_app.calls.models import Call
from crm_app.errors import RamalError
from crm_app.extensions import db
from crm_app.telephony.call_files.table import Table
from crm_app.telephony.reconciliation import taking
from crm_app.telephony.reconciliation.taking import Source
from crm_app.telephony.zadarma.events import MAX_CALL_ID_LENGTH
from crm_app.telephony.zadarma.replies import StatisticsLeg, leg_of

# Our name of a value, and the cabinet's column.
_COLUMNS = {
    "call_id": "id",
    "sip": "internal_number",
    "callstart": "date",
    "clid": "clid",
    "destination": "destination",
    "disposition": "disposition",
    "seconds": "seconds",
    "pbx_call_id": "call_id",
}
_REQUIRED = {"date", "clid", "destination", "disposition", "call_id"}
MOST_BYTES = 50 * 1024 * 1024


class UnreadableFileError(RamalError):
    """The file as a whole is refused; `code` says why: missing, too_large, empty, no_header."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that makes nothing: its number, from 1 without the header, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the file as a row of the statistics."""

    row: int
    leg: StatisticsLeg


@dataclass(slots=True)
class Counts:
    """What became of the records of a file; together they are all of them."""

    rows: int = 0
    new: int = 0
    completed: int = 0
    same: int = 0
    refusals: list[Refusal] = field(default_factory=list)


def read(content: bytes, source: Source, counts: Counts) -> list[list[Record]]:
    """Read a file's content into the records of each call, and count those that cannot be read.

    Raises UnreadableFileError.
    """
    calls: dict[str, list[Record]] = {}
    for row, values in enumerate(_rows(content), 1):
        counts.rows += 1
        leg = leg_of({ours: values.get(theirs, "") for ours, theirs in _COLUMNS.items()})
        reason = _why_not(leg, source)
        if reason:
            counts.refusals.append(Refusal(row, reason))
        else:
            calls.setdefault(leg.pbx_call_id, []).append(Record(row, leg))
    return list(calls.values())


def take(
    calls: Sequence[Sequence[Record]], source: Source, counts: Counts, *, is_rehearsal: bool = False
) -> None:
    """Store the records of some calls and count what became of them; does not commit.

    A rehearsal stores nothing, and counts what would become of them.
    """
    legs = [record.leg for call in calls for record in call]
    unknown = set(taking.unknown(legs, source))
    ids = [call[0].leg.pbx_call_id for call in calls]
    known = set(db.session.scalars(select(Call.pbx_call_id).where(Call.pbx_call_id.in_(ids))))
    for call in calls:
        fresh: dict[StatisticsLeg, int] = {}
        for record in call:
            if record.leg in unknown and record.leg not in fresh:
                fresh[record.leg] = record.row
        counts.same += len(call) - len(fresh)
        is_known = call[0].leg.pbx_call_id in known
        if not fresh:
            continue
        reason = _rehearse(fresh, is_known) if is_rehearsal else _store(fresh, source)
        if reason:
            counts.refusals += [Refusal(row, reason) for row in fresh.values()]
        else:
            counts.new += 0 if is_known else 1
            counts.completed += len(fresh) - (0 if is_known else 1)


def _store(fresh: dict[StatisticsLeg, int], source: Source) -> str:
    """Store the new records of a call; gives why they are refused, "" when they are not."""
    taken = taking.take_all(fresh, source)
    if taken.rootless:
        return "phantom"
    return "not_stored" if taken.refused else ""


def _rehearse(fresh: dict[StatisticsLeg, int], is_known: bool) -> str:
    has_root = any(leg.recording_id for leg in fresh)
    return "" if is_known or has_root else "phantom"


def _why_not(leg: StatisticsLeg, source: Source) -> str:
    if not leg.pbx_call_id:
        return "id_missing"
    if len(leg.pbx_call_id) > MAX_CALL_ID_LENGTH:
        return "id_too_long"
    return "" if source.time.utc(leg.started) else "date_unreadable"


def _rows(content: bytes) -> Iterator[dict[str, str]]:
    table = Table(_text(content))
    if table.is_empty:
        raise UnreadableFileError("empty")
    if not set(table.columns) >= _REQUIRED:
        raise UnreadableFileError("no_header")
    return table.records()


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise UnreadableFileError("too_large")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Every byte is a sign of it, so that a name may be wrong, but no call is lost.
        return content.decode("cp1252", "replace")
