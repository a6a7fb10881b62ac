"""What stands in the tray: the one card that is open, the rows, and when that changes by itself."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallWrapup
from crm_app.calls.popups import card_state, cards
from crm_app.calls.popups.card_state import CardState
from crm_app.calls.wrapup import services as wrapups
from crm_app.calls.wrapup import waiting
from crm_app.extensions import db

# How long the card of a call that has ended stays open when nobody touches it.
ASKS_FOR = timedelta(seconds=60)
# When nobody picked up there is nothing to say.
UNANSWERED_FOR = timedelta(seconds=10)
# Who typed so lately is still about it: a call that merely rings does not close their card.
AT_IT_FOR = timedelta(seconds=60)
NAMED_RINGING = 3
_rehearsed: list[Callable[[Call, User], None]] = []


@dataclass(frozen=True, slots=True)
class TabState:
    """What one tab shows: the call whose card it has opened, and where a name was typed."""

    open_id: int | None = None
    kept_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Shown:
    """A call in the tray, and what decides on its place."""

    call: Call
    state: CardState
    wrapup: CallWrapup | None = None
    # The user has folded it to its row.
    is_closed: bool = False
    # They are writing it up.
    is_begun: bool = False
    # When its place changes by itself.
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tray:
    """The tray from top to bottom: `pinned` and `more` are rows of live calls, `below` others."""

    open: Shown | None = None
    pinned: Sequence[Shown] = ()
    # What rings beyond the calls that are named at once.
    more: Sequence[Shown] = ()
    below: Sequence[Shown] = ()
    # Whether `open` is what was asked for.
    is_chosen: bool = False
    forgotten_ids: frozenset[int] = frozenset()

    def again_in(self, now: datetime) -> int | None:
        """Count the seconds until the tray changes though nothing happens; None when never."""
        shown = [*self.pinned, *self.more, *self.below, *([self.open] if self.open else [])]
        moments = [one.until for one in shown if one.until]
        return max(math.ceil((min(moments) - now).total_seconds()), 1) if moments else None


def tray_of(user: User, tab: TabState) -> Tray:
    """Arrange the tray of a user as one of their tabs shows it."""
    shown = calls_in_tray(user, tab)
    names = _names_kept({one.call.id for one in shown}, user, tab)
    asked = set(tab.kept_ids) - {one.call.id for one in shown}
    gone = frozenset(asked - {one.call.id for one in names})
    return arrange([*shown, *names], tab.open_id, gone)


def arrange(
    shown: Sequence[Shown], open_id: int | None, forgotten_ids: frozenset[int] = frozenset()
) -> Tray:
    """Choose the card that is open, and put all other calls into their rows.

    `shown` comes with the newest call first; so do the rows: who talks, then who rings.
    """
    chosen = next((one for one in shown if one.call.id == open_id), None)
    opened = chosen or _opens_by_itself(shown)
    rows = [one for one in shown if one is not opened]
    talking = [one for one in rows if one.state is CardState.TALKING]
    ringing = [one for one in rows if one.state is CardState.RINGING]
    rings = opened is not None and opened.state is CardState.RINGING
    named = NAMED_RINGING - rings
    live = {CardState.TALKING, CardState.RINGING}
    return Tray(
        open=opened,
        pinned=[*talking, *ringing[:named]],
        more=ringing[named:],
        below=[one for one in rows if one.state not in live],
        is_chosen=chosen is not None,
        forgotten_ids=forgotten_ids,
    )


def calls_in_tray(user: User, tab: TabState) -> list[Shown]:
    """List the calls of a user that belong into their tray, the newest first."""
    now = clock.now()
    mine = card_state.on_screen_of(user)
    talks = {
        call.id: began
        for call, state, _ in mine
        if (began := card_state.talk_began(call, state, user))
    }
    shown = []
    for call, state, wrapup in mine:
        is_away = card_state.is_put_away(call, state, wrapup, user)
        forgotten = card_state.forgotten_at(call)
        if state is not CardState.WRAP_UP:
            shown.append(Shown(call, state, wrapup, is_away, until=forgotten))
            continue
        over = card_state.ended_for(call, wrapup, user)
        # The next talk has taken its place.
        if is_away or any((began, key) > (over, call.id) for key, began in talks.items()):
            continue
        # A talk is written up from its end on; one that only history brought never is.
        if wrapup is None and call.id in talks and not call.is_live:
            continue
        is_touched = call.id in {tab.open_id, *tab.kept_ids} or _has_draft(wrapup)
        asks_until = over + (ASKS_FOR if call.id in talks else UNANSWERED_FOR)
        if not is_touched and now >= asks_until:
            continue
        at_it_until = wrapup.updated_at + AT_IT_FOR if wrapup and _has_draft(wrapup) else over
        is_begun = now < at_it_until
        until = asks_until if not is_touched else at_it_until if is_begun else forgotten
        shown.append(Shown(call, state, wrapup, is_begun=is_begun, until=until))
    return shown


def rehearsal(part: Callable[[Call, User], None]) -> Callable[[Call, User], None]:
    """Let `rehearse` run what a part of the card from another package asks the database."""
    _rehearsed.append(part)
    return part


def rehearse() -> None:
    """Make a tray that nobody sees, so that this process has the SQL of the first one ready.

    Putting the statements together takes two thirds of the time of a process's first card.
    """
    # The contact made last of those who have called, found by an index.
    of_somebody = select(Call.id).where(Call.contact_id > 0)
    latest = of_somebody.order_by(Call.contact_id.desc(), Call.started_at.desc()).limit(1)
    call_id = db.session.scalar(latest)
    call = card_state.call_for_card(call_id) if call_id else None
    if call is None or call.contact is None:
        return
    user = call.contact.responsible or db.session.scalar(User.enabled().limit(1))
    if user is not None:
        tray_of(user, TabState())
        cards.card_of(call, CardState.RINGING, wrapups.existing(call, user), user)
        waiting.open_count(user, call.id)
        for part in _rehearsed:
            part(call, user)


def _opens_by_itself(shown: Sequence[Shown]) -> Shown | None:
    talking = [one for one in shown if one.state is CardState.TALKING]
    if talking:
        return next((one for one in talking if not one.is_closed), None)
    begun = [one for one in shown if one.is_begun]
    ringing = [one for one in shown if one.state is CardState.RINGING and not one.is_closed]
    ended = [one for one in shown if one.state is CardState.WRAP_UP]
    typed = [one for one in shown if one.state is CardState.OVER]
    return next(iter([*begun, *ringing, *ended, *typed]), None)


def _has_draft(wrapup: CallWrapup | None) -> bool:
    return wrapup is not None and bool(wrapup.outcome or wrapup.note or wrapup.task_due_at)


def _names_kept(shown_ids: set[int], user: User, tab: TabState) -> list[Shown]:
    """List the calls that are over, but of whose caller this user was typing the name."""
    ids = tab.kept_ids - shown_ids
    if not ids:
        return []
    calls = db.session.scalars(
        select(Call)
        .where(Call.id.in_(ids), Call.has_part(user.id))
        .order_by(Call.started_at.desc(), Call.id.desc())
        .options(selectinload(Call.legs))
    ).all()
    written = wrapups.wrapups_of(user, ids)
    return [
        Shown(call, CardState.OVER, written.get(call.id))
        for call in calls
        if not _is_done(written.get(call.id)) and cards.who_is_it(call)[0] is None
    ]


def _is_done(wrapup: CallWrapup | None) -> bool:
    return wrapup is not None and bool(wrapup.dismissed_at or wrapup.saved_at)
