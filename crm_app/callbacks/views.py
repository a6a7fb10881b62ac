"""The page of call-backs, its rows and what is done with them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, find, sees_everything
from crm_app.callbacks import listing, services, wording
from crm_app.callbacks.listing import CallBackFilter, Row
from crm_app.callbacks.models import CallBack
from crm_app.callbacks.services import Due
from crm_app.calls.models import Call
from crm_app.calls.popups.tray import rehearsal
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.web.access import background
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.fragments import Answer, page_or_fragment, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.return_to import here
from crm_app.web.toasts import toast

bp = Blueprint("callbacks", __name__, url_prefix="/callbacks")


@bp.app_template_global()
def call_backs_open() -> int:
    """Count a user's call-backs and the pool's."""
    return services.counts_for(me())


@bp.app_template_global()
def call_back_of(contact_id: int | None, number: str) -> Row | None:
    """Find the open call-back of a client, for templates, if the reader may see it."""
    found = services.open_for(contact_id, number)
    row = find(CallBack, found.id, me(), Verb.VIEW) if found is not None else None
    return listing.rows_of([row], me())[0] if row is not None else None


@bp.app_template_global()
def call_back_on_card(contact_id: int | None, number: str) -> CallBack | None:
    """Find the open call-back of who is on the line, for the card of somebody whose phone rings."""
    return services.open_for(contact_id, number)


@bp.app_template_global()
def may_open_call_back(call_back: CallBack) -> bool:
    """Whether the reader of a card sees the page of a call-back that it names."""
    return sees_everything(me()) or find(CallBack, call_back.id, me(), Verb.VIEW) is not None


@rehearsal
def _rehearse(call: Call, _user: User) -> None:
    services.open_for(call.contact_id, call.outside_number)


@bp.app_template_global()
def call_back_words() -> Any:
    """Return the sentences about call-backs."""
    return wording


@bp.app_template_global()
def call_back_choices() -> dict[str, Any]:
    """Return until when a call-back can be put off, and to whom it can be given."""
    people = db.session.scalars(User.enabled()).all()
    return {"snoozes": wording.CHOICES, "people": people}


@bp.get("")
def index() -> str:
    """Show the queue, narrowed by what the address says."""
    filters, local = CallBackFilter.from_args(request.args), LocalTime.of(choose_timezone())
    page = listing.page(me(), filters, local, request.args.get("cursor", ""))
    return page_or_fragment(
        "callbacks/index.html",
        "callbacks/_list.html",
        page=page,
        rows=listing.rows_of(page.rows, me()),
        filters=filters,
        users=colleagues() if current_user.is_manager else [],
    )


@bp.get("/badge")
@background
def badge() -> Answer:
    """Show how many call-backs are the user's and the pool's."""
    if not wants_fragment():
        return see_other(url_for(".index"))
    return render_template("callbacks/_badge.html")


@bp.get("/<int:call_back_id>")
def show(call_back_id: int) -> str:
    """Show one call-back with its history; for htmx its row."""
    return _row(listing.fetch(call_back_id, me()))


@bp.get("/<int:call_back_id>/more")
def more(call_back_id: int) -> Answer:
    """Show what is done less often with a call-back; it is on its page, too."""
    found = listing.fetch(call_back_id, me())
    if not wants_fragment():
        return see_other(url_for(".show", call_back_id=call_back_id))
    return render_template("callbacks/_more.html", cb=found)


@bp.get("/<int:call_back_id>/reminder")
@background
def reminder(call_back_id: int) -> dict[str, str]:
    """Give the words of a system notification about a call-back."""
    (row,) = listing.rows_of([listing.fetch(call_back_id, me())], me())
    return wording.reminder(row)


@bp.post("/<int:call_back_id>/take")
def take(call_back_id: int) -> Answer:
    """Take a call-back, so that nobody else calls."""
    return _do(call_back_id, lambda: services.take(call_back_id, me()))


@bp.post("/<int:call_back_id>/release")
def release(call_back_id: int) -> Answer:
    """Give a call-back back."""
    return _do(call_back_id, lambda: services.release(call_back_id, me()))


@bp.post("/<int:call_back_id>/reassign")
def reassign(call_back_id: int) -> Answer:
    """Give a call-back to somebody else, or to the pool."""
    owner_id = read_id(request.form.get("owner"))
    given: list[str] = []

    def give() -> CallBack:
        row = services.reassign(call_back_id, owner_id or None, me())
        given.append(row.owner.name if row.owner else "")
        return row

    answer = _do(call_back_id, give)
    if not isinstance(answer, tuple):
        (name,) = given
        toast(_("Given to %(who)s.", who=name) if name else _("Given to the pool."))
    return answer


@bp.post("/<int:call_back_id>/done")
def done(call_back_id: int) -> Answer:
    """Finish a call-back without a talk, and say why."""
    said = request.form.get("reason", "")
    return _do(call_back_id, lambda: services.done(call_back_id, said, me()))


@bp.post("/<int:call_back_id>/reopen")
def reopen(call_back_id: int) -> Answer:
    """Open a call-back again that was done."""
    return _do(call_back_id, lambda: services.reopen(call_back_id, me()))


@bp.post("/<int:call_back_id>/snooze")
def snooze(call_back_id: int) -> Answer:
    """Put a call-back off; the message offers to take that back."""
    until = wording.moment_of(request.form.get("until", ""), LocalTime.of(choose_timezone()))
    dues: list[Due] = []

    def put_off() -> CallBack:
        dues.append(services.due_of(call_back_id, me()))
        row = services.snooze(call_back_id, until, me())
        dues.append(Due(row.due_at))
        return row

    answer = _do(call_back_id, put_off)
    if not isinstance(answer, tuple):
        was, now = dues
        undo = url_for(
            ".unsnooze",
            call_back_id=call_back_id,
            due=was.at.isoformat(),
            until=now.at.isoformat(),
            reminded=was.reminded_at and was.reminded_at.isoformat(),
            escalated=was.escalated_at and was.escalated_at.isoformat(),
        )
        toast(_("Put off."), undo_url=undo)
    return answer


@bp.post("/<int:call_back_id>/unsnooze")
def unsnooze(call_back_id: int) -> Answer:
    """Take the delay of a call-back back."""
    names = ("due", "reminded", "escalated", "until")
    due, reminded, escalated, until = (_moment(request.args.get(name, "")) for name in names)
    before = Due(due, reminded, escalated) if due else None
    return _do(call_back_id, lambda: services.unsnooze(call_back_id, me(), before, until))


@bp.post("/<int:call_back_id>/note")
def note(call_back_id: int) -> Answer:
    """Write something about a call-back."""
    text = request.form.get("text", "")
    return _do(call_back_id, lambda: services.add_note(call_back_id, text, me()))


def _do(call_back_id: int, verb: Callable[[], CallBack]) -> Answer:
    """Do something with a call-back and answer with its row, or say in the row why not."""
    try:
        verb()
        db.session.commit()
    except InvalidInputError as error:
        db.session.rollback()
        code = 409 if error.code in {"taken", "done", "changed"} else 422
        return _row(listing.fetch(call_back_id, me()), said=wording.refusal(error)), code
    if not wants_fragment():
        return see_other(here(url_for(".index")))
    row = find(CallBack, call_back_id, me(), Verb.VIEW)
    # Who gives one away may not see it any more: its row goes.
    return _row(row) if row is not None else ""


def _moment(text: str) -> datetime | None:
    """Read a moment as `isoformat` writes it; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _row(call_back: CallBack, said: str = "") -> str:
    (row,) = listing.rows_of([call_back], me())
    return page_or_fragment(
        "callbacks/show.html",
        "callbacks/_row.html",
        row=row,
        said=said,
        events=[] if wants_fragment() else listing.events_of(call_back),
    )
