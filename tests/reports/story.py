"""Some days of an office's calls, told as the PBX tells them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.store.ledger import record
from crm_app.extensions import db

# A Wednesday; in Lisbon the clocks are those of UTC until the end of March.
NOW = datetime(2026, 3, 18, 15, 30, tzinfo=UTC)
MONDAY = datetime(2026, 3, 16, 10, 0, tzinfo=UTC)
ANA, RUI, EVA = "+351910000042", "+351910000043", "+351910000044"
LINE, OTHER_LINE = "+351210000001", "+351210000002"


def tell(kind: FactKind, at: datetime, pbx_call_id: str, **told: Any) -> int:
    """Store what the PBX says of a call."""
    return record(db.session.connection(), Fact(kind, pbx_call_id, at, **told), "").call_id


def missed(
    at: datetime,
    name: str,
    *extensions: str,
    number: str = ANA,
    disposition: Disposition = Disposition.CANCELLED,
    waited: int = 20,
    line: str = LINE,
) -> int:
    """Let somebody call in vain."""
    told = {"caller": number, "did": line}
    tell(FactKind.STARTED, at, name, **told)
    for extension in extensions:
        tell(FactKind.RANG, at, name, extension=extension, **told)
    end = at + timedelta(seconds=waited)
    return tell(FactKind.ENDED, end, name, disposition=disposition, **told)


def answered(
    at: datetime,
    name: str,
    by: str,
    *others: str,
    number: str = ANA,
    seconds: int = 60,
    line: str = LINE,
) -> int:
    """Let somebody call, some phones ring, and one of them be picked up after five seconds."""
    told = {"caller": number, "did": line}
    tell(FactKind.STARTED, at, name, **told)
    for extension in (by, *others):
        tell(FactKind.RANG, at, name, extension=extension, **told)
    tell(FactKind.ANSWERED, at + timedelta(seconds=5), name, extension=by, **told)
    end = at + timedelta(seconds=5 + seconds)
    ending = {"disposition": Disposition.ANSWERED, "talk_seconds": seconds, "last_extension": by}
    return tell(FactKind.ENDED, end, name, **told, **ending)


def placed(at: datetime, name: str, by: str, number: str = ANA, seconds: int = 0) -> int:
    """Let a colleague call somebody, who answers when there is a talk."""
    told = {"called": number, "extension": by}
    tell(FactKind.OUTGOING_STARTED, at, name, **told)
    how = Disposition.ANSWERED if seconds else Disposition.BUSY
    end = at + timedelta(seconds=10 + seconds)
    return tell(FactKind.OUTGOING_ENDED, end, name, disposition=how, talk_seconds=seconds, **told)


def some_days() -> None:
    """Tell what the tests count: two days, on one of them calls missed for all reasons."""
    quarter, hours = timedelta(minutes=10), timedelta(hours=1)
    answered(MONDAY, "in_1", "101", "102")
    answered(MONDAY + hours, "in_2", "102", "101", number=RUI, seconds=30, line=OTHER_LINE)
    placed(MONDAY + hours, "out_1", "101", EVA)
    placed(MONDAY + 2 * hours, "out_2", "101", EVA, seconds=45)
    # Missed at both phones and called back at once; then again, and called back two hours later.
    missed(MONDAY + 3 * hours, "in_3", "101", "102")
    placed(MONDAY + 3 * hours + quarter, "out_3", "102", seconds=90)
    missed(MONDAY + 4 * hours, "in_4", "102", waited=8)
    placed(MONDAY + 6 * hours, "out_4", "102", seconds=15)
    tuesday = MONDAY + timedelta(days=1)
    missed(tuesday, "in_5", "101", number=RUI, disposition=Disposition.NO_ANSWER, waited=45)
    missed(tuesday, "in_6", number=EVA, disposition=Disposition.NO_ANSWER)
    missed(tuesday, "in_7", "101", number=EVA, disposition=Disposition.BUSY)
    missed(tuesday, "in_8", number=EVA, disposition=Disposition.LIMIT)
    missed(tuesday, "in_9", number=EVA, disposition=Disposition.NO_MONEY)
    missed(tuesday, "in_10", number=EVA, waited=4)
    missed(tuesday, "in_11", "102", number="", waited=3)
    missed(tuesday + 11 * hours, "in_12", "101", "102", number=RUI)
    tell(FactKind.STARTED, tuesday, "in_13", caller=EVA, did=LINE)
    tell(FactKind.REFUSED, tuesday, "in_13")
    # 101 passes the call on to 102.
    told = {"caller": RUI, "did": LINE}
    answered(tuesday + 2 * hours, "in_14", "101", number=EVA, line=OTHER_LINE)
    at = tuesday + 3 * hours
    tell(FactKind.RANG, at, "in_15", extension="101", **told)
    tell(FactKind.ANSWERED, at + timedelta(seconds=5), "in_15", extension="101", **told)
    later = at + timedelta(seconds=65)
    tell(FactKind.RANG, later, "in_15", extension="102", transfer_from="101", **told)
    later += timedelta(seconds=5)
    tell(FactKind.ANSWERED, later, "in_15", extension="102", transfer_from="101", **told)
    tell(
        FactKind.ENDED, later + timedelta(seconds=50), "in_15", last_extension="102",
        disposition=Disposition.ANSWERED, talk_seconds=115, **told,
    )  # fmt: skip
    # Two colleagues talk with each other.
    tell(FactKind.OUTGOING_STARTED, at, "out_5", called="102", extension="101")
    tell(FactKind.ANSWERED, at, "out_5", called="102", extension="101")
    tell(
        FactKind.OUTGOING_ENDED, at + hours, "out_5", called="102", extension="101",
        disposition=Disposition.ANSWERED, talk_seconds=20,
    )  # fmt: skip
    db.session.commit()
