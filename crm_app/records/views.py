"""The pages that every noun has at addresses of its own: its bin, and the notes on its records."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm.interfaces import ORMOption

from crm_app.accounts.current import me
from crm_app.accounts.models import OfficeSettings
from crm_app.accounts.rights import Place, Verb, allowed, fetch, may_open
from crm_app.extensions import db
from crm_app.journal.history import notes_on
from crm_app.paging import fetch_page
from crm_app.records import bin
from crm_app.records.forms import NoteForm
from crm_app.records.registry import Noun, noun_of
from crm_app.web.fragments import Answer, see_other, wants_fragment
from crm_app.web.toasts import toast


@dataclass(frozen=True, slots=True)
class Words:
    """What the pages of one noun say.

    `binned` and `restored` are given the name of a record, `waiting` stands in an empty bin.
    """

    one: Any
    all: Any
    deleted: Any
    waiting: Any
    binned: Callable[[str], str]
    restored: Callable[[str], str]


def url_of(record: Any) -> str:
    """Return a record's page, or the list for a user who may not open it (any more)."""
    noun = noun_of(record)
    if not may_open(me(), record):
        return url_for(f"{noun.blueprint}.index")
    page, arguments = noun.address_of(record.id)
    return url_for(page, **arguments)


def add_bin(
    bp: Blueprint,
    noun: Noun,
    words: Words,
    *,
    detail: Callable[[Any], str],
    options: Iterable[ORMOption] = (),
    mark: str = "",
) -> None:
    """Add the pages of its bin to a noun's blueprint.

    Below the title of a record stands its `detail`, for which `options` load what it reads, and
    beside the title the template `mark`.
    """

    @bp.post(f"/<int:{noun.id_name}>/delete")
    def delete(**address: Any) -> Answer:
        """Put a record into the bin, with undo."""
        record = fetch(noun.model, address[noun.id_name], me(), Verb.DELETE)
        bin.put_in_bin(record, me())
        db.session.commit()
        toast(words.binned(noun.title_of(record)), undo_url=url_for(".restore", **address))
        return see_other(url_for(".index"))

    @bp.post(f"/<int:{noun.id_name}>/restore")
    def restore(**address: Any) -> Answer:
        """Take a record out of the bin."""
        record = fetch(noun.model, address[noun.id_name], me(), Verb.DELETE, place=Place.ANYWHERE)
        bin.restore(record, me())
        db.session.commit()
        toast(words.restored(noun.title_of(record)))
        return see_other(url_of(record))

    @bp.get("/bin", endpoint="bin")
    def list_bin() -> Answer:
        """List the deleted records, the last deleted first."""
        page = fetch_page(
            db.session(),
            allowed(me(), noun.model, Verb.VIEW, Place.BIN).options(*options),
            [noun.model.deleted_at, noun.model.id],
            cursor=request.args.get("cursor", ""),
            descending=True,
        )
        return render_template(
            "records/bin.html",
            page=page,
            noun=noun,
            words=words,
            detail=detail,
            mark=mark,
            days=OfficeSettings.current().bin_days,
        )


def add_notes(
    bp: Blueprint, noun: Noun, words: Words, show: Callable[[Any, NoteForm], str]
) -> None:
    """Add the pages of notes to a noun's blueprint; `show` draws a record's page with the form."""

    @bp.get(f"/<int:{noun.id_name}>/notes")
    def notes(**address: Any) -> Answer:
        """List all notes on a record, the newest first."""
        record = fetch(noun.model, address[noun.id_name], me(), Verb.VIEW, place=Place.ANYWHERE)
        return render_template(
            "records/notes.html",
            name=noun.title_of(record),
            back=url_for(noun.page, **address),
            back_words=words.one,
            notes=notes_on(noun.kind, record.id, request.args.get("cursor", "")),
        )

    @bp.post(f"/<int:{noun.id_name}>/notes")
    def add_note(**address: Any) -> Answer:
        """Leave a note on a record, also on one that went to the bin while it was typed."""
        record = fetch(noun.model, address[noun.id_name], me(), Verb.EDIT, place=Place.ANYWHERE)
        form = NoteForm()
        if not form.keep(noun.kind, record.id, me()):
            page = _notes(record, form) if wants_fragment() else show(record, form)
            return page, 422
        db.session.commit()
        if record.is_in_bin:
            kept = _("The note was kept. %(name)s is in the bin.", name=noun.title_of(record))
            toast(kept, kind="warning")
        if wants_fragment():
            return _notes(record, NoteForm(formdata=None))
        return see_other(url_for(noun.page, **address, _anchor="notes"))


def notes_of(record: Any, form: NoteForm) -> dict[str, Any]:
    """Return what records/_notes.html shows: the last notes, and the form for one more.

    In the bin a record takes no new notes; one that was refused can still be corrected.
    """
    noun = noun_of(record)
    notes, (_page, address) = notes_on(noun.kind, record.id), noun.address_of(record.id)
    takes_notes = not record.is_in_bin or form.text.errors
    return {
        "notes": notes,
        "note_form": form,
        "notes_url": url_for(f"{noun.blueprint}.add_note", **address) if takes_notes else "",
        "older_url": url_for(f"{noun.blueprint}.notes", **address, cursor=notes.next),
    }


def _notes(record: Any, form: NoteForm) -> str:
    return render_template("records/_notes.html", **notes_of(record, form))
