"""The sound of a call: its bytes, its player, and what is done with a recording."""

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, render_template, request, url_for
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, undefer
from werkzeug.datastructures import ContentRange

from crm_app import database
from crm_app.accounts.current import me
from crm_app.accounts.rights import Verb, fetch
from crm_app.calls import listing as calls
from crm_app.calls import naming
from crm_app.calls.listing import CallFilter
from crm_app.calls.models import Call
from crm_app.calls.views import words as calls_words
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.recordings import deleting, fetching, listening, listing, wording
from crm_app.recordings.listing import RecordingFilter
from crm_app.recordings.models import Recording, State
from crm_app.recordings.source import Reason
from crm_app.recordings.store import Store
from crm_app.recordings.transcripts import speaker_of
from crm_app.web.access import manager_only
from crm_app.web.display.formatting import choose_timezone, phone
from crm_app.web.fragments import Answer, page_or_fragment, see_other
from crm_app.web.toasts import toast

bp = Blueprint("recordings", __name__)
BARS = 200
# The list from which the player plays; any other value is the log of calls.
RECORDINGS = "recordings"
SPEEDS = (0.5, 0.75, 1, 1.25, 1.5, 1.75, 2)
_HEIGHT = 40
# Only a player asks so; it says itself when somebody has heard three seconds.
_PLAYERS = frozenset({"audio", "video"})


@dataclass(frozen=True, slots=True)
class Player:
    """One recording as its player shows it."""

    row: Recording
    url: str
    words: str
    wave: str
    phrases: list[tuple[dict[str, Any], str]]
    speech: str

    @property
    def state(self) -> str:
        """The recording's state."""
        return str(self.row.state)


bp.context_processor(calls_words)


@bp.app_template_global()
def sounds_of(found: list[Call]) -> dict[int, State]:
    """Return of a list's calls the state of their recordings, without those nobody may hear."""
    mine = [call.id for call in found if call.recording_count and listening.may_hear(me(), call)]
    return listening.states_of(mine) if mine else {}


@bp.app_template_global()
def players_of(call: Call) -> list[Player]:
    """Return the players of a call for its page."""
    shown = (
        undefer(Recording.peaks),
        joinedload(Recording.transcript),
        joinedload(Recording.held_by),
        joinedload(Recording.deleted_by),
    )
    rows = db.session.scalars(Recording.of(call.id).options(*shown)).all()
    return [_player(call, row, n) for n, row in enumerate(rows, 1)]


@bp.app_template_global()
def may_hear(call: Call) -> bool:
    """Whether the reader may hear a call."""
    return listening.may_hear(me(), call)


@bp.app_template_global()
def player_speeds() -> list[tuple[float, str]]:
    """Return the speeds that a player offers, with their words."""
    return [(speed, f"{format_decimal(speed)}×") for speed in SPEEDS]


@bp.app_template_global()
def recording_state(state: str) -> tuple[Any, str]:
    """Return the word and the colour of a recording's state."""
    words, colour = wording.STATES[state]
    return words, colour


@bp.app_template_global()
def recording_receipt(row: Recording) -> str:
    """Say what both ends answered when a recording was deleted."""
    return wording.receipt(row)


def _player(call: Call, row: Recording, n: int) -> Player:
    url = url_for("recordings.sound", call_id=call.id) if n == 1 else ""
    url = url or url_for("recordings.sound_of", call_id=call.id, n=n)
    is_ready = row.state == State.READY
    said = row.transcript if is_ready else None
    names = {"us": call.user.name if call.user else _("We"), "client": _("Client"), "": ""}
    phrases = (
        [(one, names[speaker_of(row, one["channel"])]) for one in said.phrases] if said else []
    )
    speech = str(wording.SPEECH.get(said.state, "")) if said and not phrases else ""
    wave = wave_of(row.peaks) if is_ready else ""
    return Player(row, url, wording.sentence(row), wave, phrases, speech)


def wave_of(peaks: bytes) -> str:
    """Draw peaks as the path of BARS bars in a box of BARS by 40."""
    if not peaks:
        return ""
    bars = []
    for bar in range(BARS):
        first = bar * len(peaks) // BARS
        loudest = max(peaks[first : max(first + 1, (bar + 1) * len(peaks) // BARS)])
        height = max(2, loudest * _HEIGHT // 255)
        bars.append(f"M{bar} {(_HEIGHT - height) / 2:g}v{height}")
    return "".join(bars)


@bp.get("/calls/<int:call_id>/recording")
def sound(call_id: int) -> Response:
    """Give the bytes of a call's first recording, or the part of them that is asked for."""
    return _sound(call_id, 1)


@bp.get("/calls/<int:call_id>/recordings/<int:n>")
def sound_of(call_id: int, n: int) -> Response:
    """Give the bytes of a call's n-th recording, or the part of them that is asked for."""
    return _sound(call_id, n)


def _sound(call_id: int, n: int) -> Response:
    call, row = _heard(call_id, n)
    if row.state == State.DELETED:
        abort(410)
    if row.state != State.READY or not row.size:
        abort(404)
    first, end, status = _wanted(row)
    answer = Response(status=status, content_type=row.media_type)
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(row.sha256)
    if status == 416:
        answer.headers["Content-Range"] = f"bytes */{row.size}"
        return answer
    if status == 206:
        answer.content_range = ContentRange("bytes", first, end, row.size)
    if "download" in request.args:
        answer.headers["Content-Disposition"] = _attached(_file_name(call, row, n))
    answer.content_length = end - first if status != 304 else 0
    if request.method == "GET" and status != 304:
        answer.response = _bytes(row, first, end)
    return answer


def _heard(call_id: int, n: int) -> tuple[Call, Recording]:
    """Find a recording that the user may hear, or say that there is none, or that they may not."""
    call = fetch(Call, call_id, me(), Verb.VIEW)
    if not listening.may_hear(me(), call):
        abort(403)
    row = db.session.scalars(Recording.of(call.id).offset(max(n, 1) - 1).limit(1)).first()
    return call, row if row is not None and n > 0 else abort(404)


def _wanted(row: Recording) -> tuple[int, int, int]:
    """Read which bytes are asked for: the first, the one after the last, and the status."""
    size = row.size or 0
    if request.if_none_match.contains(row.sha256):
        return 0, 0, 304
    is_other = request.if_range.etag not in (None, row.sha256) or request.if_range.date is not None
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or is_other:
        return 0, size, 200
    span = wanted.range_for_length(size)
    return (0, 0, 416) if span is None else (span[0], span[1], 206)


def _bytes(row: Recording, first: int, end: int) -> Iterator[bytes]:
    """Read the file after it is written down that somebody takes it."""
    name, row_id, user_id = row.name, row.id, me().id
    # Nothing of the database is held while the bytes are on their way.
    db.session.rollback()
    store: Store = current_app.extensions["recordings"]
    pieces = store.read(name, first, end)
    try:
        begin = next(pieces, b"")
    except FileNotFoundError:
        abort(404)
    except OSError:
        abort(_store_is_away())
    if request.headers.get("Sec-Fetch-Dest") not in _PLAYERS or "download" in request.args:
        with database.writing():
            listening.note_download(row_id, user_id)
            db.session.commit()
    return chain([begin], pieces)


def _store_is_away() -> Response:
    words = f"{wording.REASONS[Reason.STORE]} {_('Try again in a moment.')}"
    page = render_template("errors/page.html", code=503, title=_("Not ready"), text=words)
    return Response(page, 503, {"Retry-After": "30"}, content_type="text/html; charset=utf-8")


def _attached(name: str) -> str:
    """Write the header that gives a file its name, in ASCII for programs that read nothing else."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _file_name(call: Call, row: Recording, n: int) -> str:
    at = call.started_at.astimezone(LocalTime.of(choose_timezone()).zone)
    contact = naming.named(call, me())
    who = contact.name if contact else phone(call.outside_number) or _("Call")
    number = f" ({n})" if n > 1 else ""
    plain = "".join(sign for sign in who if sign.isprintable() and sign not in '/\\:*?"<>|')
    return f"{at:%Y-%m-%d %H.%M} {plain}{number}.{row.name.rpartition('.')[2]}"


@bp.get("/calls/<int:call_id>/player")
def player(call_id: int) -> Answer:
    """Show the player that stays at the foot of the page, with the way to the next of the list."""
    call = fetch(Call, call_id, me(), Verb.VIEW)
    if not listening.may_hear(me(), call):
        abort(403)
    after, more = _next_of_list(call, request.args.get("next", ""))
    return page_or_fragment(
        "recordings/player.html",
        "recordings/_dock.html",
        call=call,
        players=players_of(call),
        next_url=url_for("recordings.player", call_id=after.id, **more) if after else "",
    )


def _next_of_list(call: Call, which: str) -> tuple[Call | None, dict[str, Any]]:
    """Find what follows in the list from which this one was played, and how to ask for it.

    `which` is RECORDINGS, anything else for the log, "" for none.
    """
    local = LocalTime.of(choose_timezone())
    if which == RECORDINGS:
        wanted = RecordingFilter.from_args(request.args)
        others = (row.call for row in listing.ready_after(me(), wanted, local, call))
        heard = (other for other in others if listening.may_hear(me(), other))
        return next(heard, None), {**wanted.to_args(), "next": which}
    filters = CallFilter.from_args(request.args)
    return _next_call(call, filters, local) if which else None, {**filters.to_args(), "next": "1"}


def _next_call(call: Call, filters: CallFilter, local: LocalTime) -> Call | None:
    cursor = calls.cursor_after(call)
    # What the user may not hear, or nobody can, is passed over, a few pages at most.
    for _page in range(listing.MOST_PAGES):
        page = calls.list_calls(me(), filters, local, cursor)
        states = sounds_of(page.rows)
        for one in page.rows:
            if states.get(one.id) is State.READY:
                return one
        cursor = page.next
        if not cursor:
            break
    return None


@bp.get("/calls/<int:call_id>/players")
def players(call_id: int) -> Answer:
    """Show the players of a call, as a box of its page."""
    call = fetch(Call, call_id, me(), Verb.VIEW)
    return page_or_fragment("recordings/players.html", "recordings/_players.html", call=call)


def _recording(recording_id: int) -> Recording:
    """Find a recording that the user may hear; says 404 or 403."""
    row = db.session.get(Recording, recording_id) or abort(404)
    call = fetch(Call, row.call_id, me(), Verb.VIEW)
    if not listening.may_hear(me(), call):
        abort(403)
    return row


@bp.post("/recordings/<int:recording_id>/heard")
def heard(recording_id: int) -> Answer:
    """Write down that the user has heard three seconds of a recording."""
    row = _recording(recording_id)
    if row.state == State.READY:
        began = request.form.get("position", 0.0, type=float)
        listening.note_heard(row, me().id, began if math.isfinite(began) else 0.0)
        db.session.commit()
    return Response(status=204)


@bp.post("/recordings/<int:recording_id>/try-again")
def try_again(recording_id: int) -> Answer:
    """Ask the PBX for a recording once more, now."""
    row = _recording(recording_id)
    fetching.try_again(row)
    db.session.commit()
    toast(_("It will be tried again within a second."))
    return _back(row)


@bp.post("/calls/<int:call_id>/fetch-recordings")
def fetch_all(call_id: int) -> Answer:
    """Fetch recordings of a call that were not fetched when it was new."""
    call = fetch(Call, call_id, me(), Verb.VIEW)
    if not listening.may_hear(me(), call):
        abort(403)
    # One that has no name is found by its call.
    names = [one.recording_id for one in call.recordings] or [""]
    for name in names:
        fetching.note(call.pbx_call_id, name, is_by_hand=True)
    db.session.commit()
    toast(ngettext("%(num)d recording will be fetched.", "%(num)d recordings will be fetched.",
                   len(names)))  # fmt: skip
    return see_other(url_for("calls.show", call_id=call.id))


@bp.post("/recordings/<int:recording_id>/hold")
@manager_only
def hold(recording_id: int) -> Answer:
    """Keep a recording for a dispute until it is released."""
    row = _recording(recording_id)
    try:
        deleting.hold(row, request.form.get("hold_reason", "").strip(), me())
    except InvalidInputError:
        db.session.rollback()
        toast(_("Say why it is kept."), kind="danger")
        return _back(row)
    db.session.commit()
    toast(_("The recording is kept until it is released."))
    return _back(row)


@bp.post("/recordings/<int:recording_id>/release")
@manager_only
def release(recording_id: int) -> Answer:
    """Let a recording be deleted again."""
    row = _recording(recording_id)
    deleting.release(row)
    db.session.commit()
    toast(_("The recording is no longer kept specially."))
    return _back(row)


@bp.post("/recordings/<int:recording_id>/delete")
@manager_only
def delete(recording_id: int) -> Answer:
    """Delete a recording for good, here and in the PBX."""
    row = _recording(recording_id)
    try:
        deleting.delete_by_hand(row, me())
    except InvalidInputError:
        db.session.rollback()
        toast(_("It is kept for a dispute. Release it first."), kind="danger")
        return _back(row)
    db.session.commit()
    toast(_("The recording was deleted. The PBX is asked to delete its own."))
    return _back(row)


def _back(row: Recording) -> Answer:
    return see_other(url_for("calls.show", call_id=row.call_id))
