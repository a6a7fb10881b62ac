"""The outcomes of a call that the wrap-up offers, named and ordered by the office."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from crm_app import clock, search_text
from crm_app.accounts.models import User
from crm_app.calls.models import CallOutcome
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.changes import Keeping, keep
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.journal.values import Value
from crm_app.records.undo import undo
from crm_app.text import required

LABEL_LENGTH = 60
# The wrap-up is worked by the keys 1 to 9.
MOST = 9
# The order is that of the keys. The interface words the ones whose label is empty.
DEFAULTS = (
    "done",
    "interested",
    "call_again",
    "not_interested",
    "not_reached",
    "wrong_number",
)


class Offer:
    """What the wrap-up offers: one record of the journal, whose only field is the outcomes."""

    id = ONLY


class Offered:
    """The outcomes that are offered, in the order of their keys."""

    name = "outcomes"

    def read(self, _offer: Offer) -> Value:
        """Copy codes and labels; the interface words the code of one without a label."""
        rows = offered()
        return {
            "value": [[row.code, row.label] for row in rows],
            "shown": [row.label or row.code for row in rows],
        }

    def write(self, _offer: Offer, value: Any) -> None:
        """Offer these outcomes and no others."""
        stored = {row.code: row for row in _held()}
        for row in stored.values():
            row.removed_at = row.removed_at or clock.now()
        for position, (code, label) in enumerate(value, start=1):
            row = stored[code]
            row.label, row.position, row.removed_at = label, position, None


class OfferKeeping(Keeping):
    """How the journal keeps what is offered."""

    def fetch(self, record_id: int) -> Offer:
        """Give what is offered; its rows are held when they are written."""
        _held()
        return Offer()


OFFER = keep(OfferKeeping(RecordKind.OUTCOMES, CallOutcome, (Offered(),)))


def offered() -> list[CallOutcome]:
    """List the outcomes to choose from, in the order of their keys; never empty."""
    rows = db.session.scalars(
        select(CallOutcome)
        .where(CallOutcome.removed_at.is_(None))
        .order_by(CallOutcome.position, CallOutcome.id)
    )
    return list(rows) or defaults()


def labels() -> dict[str, str]:
    """Return the office's own names by code, of those that are offered no more at the end.

    The name is "" where the interface has a word of its own.
    """
    rows = db.session.scalars(
        select(CallOutcome).order_by(
            CallOutcome.removed_at.is_not(None), CallOutcome.position, CallOutcome.id
        )
    )
    return {row.code: row.label for row in rows} or dict.fromkeys(DEFAULTS, "")


def ensure() -> None:
    """Store the default outcomes when there are none, so that the office can change them."""
    if db.session.scalar(select(CallOutcome.id).limit(1)) is None:
        db.session.add_all(defaults())
        db.session.flush()


def defaults() -> list[CallOutcome]:
    """Make the outcomes that an office begins with; they are not stored."""
    return [
        CallOutcome(code=code, label="", position=position)
        for position, code in enumerate(DEFAULTS, start=1)
    ]


def add(label: str, by: User, words: Mapping[str, str]) -> CallOutcome:
    """Offer one more outcome, as the last one; one that was removed under this name comes back.

    `words` name the outcomes without a label. Raises InvalidInputError on `label`: name_empty,
    outcome_taken, too_many_outcomes.
    """
    label, stored = required(label, "name_empty", "label", LABEL_LENGTH), _held()
    shown = [row for row in stored if row.removed_at is None]
    _refuse_taken(label, shown, words)
    if len(shown) >= MOST:
        raise InvalidInputError("too_many_outcomes", "label", most=MOST)
    change = OFFER.begin(Offer())
    wanted = search_text.normalise(label)
    gone = [row for row in stored if row.removed_at is not None]
    same = [row for row in gone if search_text.normalise(_name(row, words)) == wanted]
    outcome = same[0] if same else CallOutcome(code=uuid.uuid4().hex[:30])
    outcome.label, outcome.removed_at = _kept(outcome, label, words), None
    db.session.add(outcome)
    _number([*shown, outcome])
    change.write("outcomes_changed", by)
    return outcome


def rename(outcome: CallOutcome, label: str, by: User, words: Mapping[str, str]) -> None:
    """Rename an outcome, also on the calls that were written up with it.

    Raises InvalidInputError on `label`: name_empty, outcome_taken.
    """
    label = required(label, "name_empty", "label", LABEL_LENGTH)
    shown = [row for row in _held() if row.removed_at is None]
    _refuse_taken(label, [row for row in shown if row is not outcome], words)
    change = OFFER.begin(Offer())
    outcome.label = _kept(outcome, label, words)
    db.session.flush()
    change.write("outcomes_changed", by)


def shift(outcome: CallOutcome, by: User, words: Mapping[str, str], *, up: bool) -> None:
    """Change places with the outcome before (up) or after it; at the end nothing moves."""
    shown = [row for row in _held() if row.removed_at is None]
    if outcome not in shown:
        return
    change = OFFER.begin(Offer())
    here = shown.index(outcome)
    there = here - 1 if up else here + 1
    if 0 <= there < len(shown):
        shown[here], shown[there] = shown[there], shown[here]
    _number(shown)
    change.write("outcomes_changed", by)


def remove(outcome: CallOutcome, by: User, words: Mapping[str, str]) -> None:
    """Offer an outcome no more; calls that were written up with it keep its name.

    Raises InvalidInputError("last_outcome") when it is the only one.
    """
    shown = [row for row in _held() if row.removed_at is None]
    if outcome not in shown:
        return
    if len(shown) == 1:
        raise InvalidInputError("last_outcome")
    change = OFFER.begin(Offer())
    outcome.removed_at = clock.now()
    shown.remove(outcome)
    _number(shown)
    change.write("outcomes_changed", by)


def bring_back(outcome: CallOutcome, by: User) -> None:
    """Undo the removal of an outcome, which comes back to the place where it was.

    Raises InvalidInputError as `undo` does: others were changed since.
    """
    if outcome.removed_at is None:
        return
    for entry in db.session.scalars(JournalEntry.of(RecordKind.OUTCOMES, ONLY)):
        sides = entry.changes[Offered.name]
        had, has = (
            any(code == outcome.code for code, _label in sides[side].get("value", ()))
            for side in ("old", "new")
        )
        if had and not has:
            undo(entry, by)
            return
    raise InvalidInputError("values_unknown")


def _held() -> list[CallOutcome]:
    """Fetch all outcomes in order, kept from others until the end of the transaction."""
    ensure()
    db.session.execute(select(CallOutcome.id).order_by(CallOutcome.id).with_for_update())
    return list(
        db.session.scalars(
            select(CallOutcome)
            .order_by(CallOutcome.position, CallOutcome.id)
            .execution_options(populate_existing=True)
        )
    )


def _refuse_taken(label: str, others: list[CallOutcome], words: Mapping[str, str]) -> None:
    wanted = search_text.normalise(label)
    if any(search_text.normalise(_name(row, words)) == wanted for row in others):
        raise InvalidInputError("outcome_taken", "label")


def _number(shown: list[CallOutcome]) -> None:
    for position, row in enumerate(shown, start=1):
        row.position = position
    db.session.flush()


def _kept(row: CallOutcome, label: str, words: Mapping[str, str]) -> str:
    """Return what is stored for a name: nothing where it is the interface's own word."""
    # So that it goes on speaking each user's language.
    return "" if label == words.get(row.code) else label


def _name(row: CallOutcome, words: Mapping[str, str]) -> str:
    return row.label or words.get(row.code, row.code)
