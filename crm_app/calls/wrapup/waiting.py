"""What waits to be written up: counted in the top bar, listed in its panel and on Today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.listing import possible_contacts
from crm_app.calls.models import Call, CallLeg, CallWrapup
from crm_app.calls.naming import named
from crm_app.calls.wrapup.services import wrapup_of
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit

# What waits for longer is asked for on Today only.
COUNTED_FOR = timedelta(days=1)
MOST = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that waits for one user, and what they have typed about it so far."""

    wrapup: CallWrapup
    call: Call
    since: datetime
    # How long the user had the call; None when nobody can say.
    talk_seconds: int | None
    # Whom the call was with, as far as this user may read it; several share a number.
    people: Sequence[Contact]

    @property
    def has_draft(self) -> bool:
        """Whether something was typed about it already."""
        row = self.wrapup
        return bool(row.outcome or row.note or row.task_due_at)


def open_count(user: User, but: int | None = None) -> int:
    """Count the calls of the last day that wait for a user, the one of the id `but` left out."""
    statement = (
        select(func.count())
        .select_from(CallWrapup)
        .where(CallWrapup.user_id == user.id, CallWrapup.waits_since > clock.now() - COUNTED_FOR)
    )
    if but is not None:
        statement = statement.where(CallWrapup.call_id != but)
    return db.session.scalar(statement) or 0


def waiting(user: User, within: timedelta | None = COUNTED_FOR, most: int = MOST) -> list[Waiting]:
    """List what waits for a user, the latest first; `within` None means however long ago."""
    rows = list(db.session.scalars(_waits_for(user, within).limit(most)))
    known = possible_contacts([row.call for row in rows], user)
    return [_item(row, row.waits_since, known, user) for row in rows if row.waits_since]


def fold(call: Call, user: User) -> None:
    """Put the card of a talk that is over away: the call waits in the counter."""
    wrapup_of(call, user).folded_at = clock.now()
    db.session.flush()
    after_commit([user.id], {"call": call.id})


def dismiss(call: Call, user: User) -> None:
    """Ask a user no more to write a call up; what they typed stays with the call."""
    row = wrapup_of(call, user)
    row.dismissed_at, row.waits_since = clock.now(), None
    db.session.flush()
    after_commit([user.id], {"call": call.id})


def _waits_for(user: User, within: timedelta | None) -> Select[CallWrapup]:
    statement = (
        select(CallWrapup)
        .join(CallWrapup.call)
        .where(CallWrapup.user_id == user.id, CallWrapup.waits_since.is_not(None))
        .order_by(CallWrapup.waits_since.desc(), CallWrapup.id.desc())
        .options(
            contains_eager(CallWrapup.call).options(
                selectinload(Call.legs), joinedload(Call.contact).joinedload(Contact.company)
            )
        )
    )
    if within is not None:
        statement = statement.where(CallWrapup.waits_since > clock.now() - within)
    return statement


def _item(row: CallWrapup, since: datetime, known: dict[str, list[Contact]], user: User) -> Waiting:
    call = row.call
    contact = named(call, user)
    is_open = call.contact_id is None and not call.contact_is_chosen
    people = [contact] if contact else known.get(call.outside_number, []) if is_open else []
    return Waiting(row, call, since, _seconds(call.legs, user) or call.talk_seconds, people)


def _seconds(legs: Sequence[CallLeg], user: User) -> int | None:
    mine = [leg.talk_seconds for leg in legs if leg.user_id == user.id and leg.talk_seconds]
    return sum(mine) or None
