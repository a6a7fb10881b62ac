"""The lists of recordings and of who listened, and what they are narrowed by."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, false, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallLeg
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.paging import Page, cursor_at
from crm_app.recordings.models import Listening, ListeningKind, Recording, State
from crm_app.records.lists import ListFilter, SortOrder, one_of, within_days, words
from crm_app.web.ids import read_id

HELD = "held"
# Of a list, looked through for one that may be heard.
MOST_PAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningFilter(ListFilter):
    """What of the journal of listening is wanted."""

    ORDERS = {"newest": SortOrder((Listening.at, Listening.id), descending=True)}
    user: str = words(20)
    talked: str = words(20)
    kind: str = one_of([kind.value for kind in ListeningKind])
    since: str = words(20)
    until: str = words(20)

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for an entry."""
        found = within_days(Listening.at, self.since, self.until, local)
        if self.user:
            listener = read_id(self.user)
            found.append(false() if listener is None else Listening.user_id == listener)
        if self.talked:
            talker = read_id(self.talked)
            found.append(false() if talker is None else Call.talked_by([talker]))
        if self.kind:
            found.append(Listening.kind == self.kind)
        return found


def list_listening(
    user: User, wanted: ListeningFilter, local: LocalTime, cursor: str = ""
) -> Page[Listening]:
    """Read one page of who listened to what, the latest first."""
    statement = (
        select(Listening)
        .join(Listening.recording)
        .join(Recording.call)
        .where(*wanted.conditions(user, local))
        .options(
            joinedload(Listening.user),
            contains_eager(Listening.recording)
            .contains_eager(Recording.call)
            .options(joinedload(Call.contact), joinedload(Call.user)),
        )
    )
    return wanted.sort_order.page(statement, cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter(ListFilter):
    """Which recordings are wanted; `state` is a State or HELD."""

    ORDERS = {"newest": SortOrder((Recording.recorded_at, Recording.id), descending=True)}
    state: str = one_of([*(state.value for state in State), HELD])
    line: str = words(40)
    since: str = words(20)
    until: str = words(20)

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for a recording."""
        found = within_days(Recording.recorded_at, self.since, self.until, local)
        if self.state == HELD:
            found.append(Recording.held_at.is_not(None))
        elif self.state:
            found.append(Recording.state == self.state)
        if self.line:
            found.append(Call.did == self.line)
        return found


def list_recordings(
    user: User, wanted: RecordingFilter, local: LocalTime, cursor: str = ""
) -> Page[Recording]:
    """Read one page of the recordings, those of the latest calls first."""
    return wanted.sort_order.page(_recordings(user, wanted, local), cursor)


def ready_after(
    user: User, wanted: RecordingFilter, local: LocalTime, call: Call
) -> Iterator[Recording]:
    """Give the recordings of other calls that follow in the list, a few pages at most."""
    of_call = select(Recording).where(Recording.call_id == call.id)
    last = db.session.scalars(of_call.order_by(Recording.recorded_at, Recording.id)).first()
    cursor = cursor_at(last, wanted.sort_order.keys) if last is not None else ""
    ready = _recordings(user, wanted, local).where(Recording.state == State.READY)
    for _page in range(MOST_PAGES):
        if not cursor:
            return
        page = wanted.sort_order.page(ready, cursor)
        yield from (row for row in page.rows if row.call_id != call.id)
        cursor = page.next


def _recordings(user: User, wanted: RecordingFilter, local: LocalTime) -> Select[Recording]:
    return (
        select(Recording)
        .join(Recording.call)
        .where(*wanted.conditions(user, local))
        .options(
            joinedload(Recording.held_by),
            joinedload(Recording.deleted_by),
            contains_eager(Recording.call).options(
                joinedload(Call.contact),
                joinedload(Call.user),
                selectinload(Call.legs).joinedload(CallLeg.user),
            ),
        )
    )
