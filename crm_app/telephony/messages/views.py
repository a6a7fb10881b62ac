"""The pages of text messages: those with one client, all of them, and a new one."""

from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.accounts.rights import Verb, fetch, find
from crm_app.contacts import services as contacts
from crm_app.contacts.models import Contact
from crm_app.errors import InvalidInputError, NotFoundError
from crm_app.extensions import db
from crm_app.phone_pairs import forms_of
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.telephony.connection import Link, LinkCache, client_for
from crm_app.telephony.messages import listing, senders, sending, services, templates, wording
from crm_app.telephony.messages.models import Message, MessageState
from crm_app.telephony.messages.parts import size_of
from crm_app.telephony.messages.services import Client
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.web import sent_forms
from crm_app.web.access import background
from crm_app.web.fragments import Answer, page_or_fragment, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast

# One request to the API must fit into the time that a browser waits for one of ours.
_TIMEOUT_SECONDS = (3.05, 12.0)
_LONGEST_NUMBER = 80
_LONGEST_TEXT = 10_000

bp = Blueprint("messages", __name__, url_prefix="/messages")


@bp.before_request
def _only_while_switched_on() -> None:
    if not messages_are_on():
        raise NotFoundError


@bp.app_template_global()
def messages_are_on() -> bool:
    """Whether the office sends and shows text messages; it costs no query."""
    return _link().switches.is_on("sms")


@bp.get("")
def index() -> str:
    """List the messages that wait for an answer, or all of them."""
    is_waiting = not request.args.get("all")
    page = listing.newest(me(), read_id(request.args.get("before")), is_waiting=is_waiting)
    return page_or_fragment(
        "telephony/messages/index.html",
        "telephony/messages/_rows.html",
        page=page,
        is_waiting=is_waiting,
        words=wording,
    )


@bp.get("/contact/<int:contact_id>")
def for_contact(contact_id: int) -> str:
    """Show the messages with a contact, as a box of the contact's page."""
    return _with(fetch(Contact, contact_id, me(), Verb.VIEW), "")


@bp.get("/with")
def with_number() -> Answer:
    """Show the messages with a number; of one contact whom the user sees, lead to the contact's."""
    number = request.args.get("number", "")[:_LONGEST_NUMBER].strip()
    if not number:
        return see_other(url_for(".index"))
    having = contacts.matching(number)
    contact = find(Contact, having[0].id, me(), Verb.VIEW) if len(having) == 1 else None
    # Who was a stranger when somebody kept this address has a name by now.
    if contact is not None:
        return see_other(url_for(".for_contact", contact_id=contact.id, number=number))
    return _with(None, number)


@bp.get("/<int:message_id>/notice")
@background
def notice(message_id: int) -> Answer | dict[str, str]:
    """Give the words of a notice about a message that came in; for htmx, to be shown."""
    message = fetch(Message, message_id, me(), Verb.VIEW)
    client = message.client
    words = {
        **wording.notice(message),
        "url": _page_of(client.id if client is not None else None, message.number),
    }
    if not wants_fragment():
        return words
    return render_template("telephony/messages/_notice.html", **words)


@bp.post("/count")
def count() -> str:
    """Show into how many parts a text is cut, and what they cost."""
    text = _text()
    return render_template(
        "telephony/messages/_parts.html", **_sized(text, request.form.get("number", ""))
    )


@bp.post("/handled")
def handled() -> Answer:
    """Say that what a client wrote needs no answer any more."""
    contact, number = _client_of(request.form)
    services.handle_all(_client(contact, number), me())
    db.session.commit()
    toast(_("Marked as done."))
    if wants_fragment():
        return _with(contact, number)
    return see_other(_page_of(contact.id if contact else None, number))


@bp.post("/send")
def send() -> Answer:
    """Send a message to one number."""
    contact, number = _client_of(request.form)
    contact_id = contact.id if contact is not None else None
    if seconds := _seconds_to_wait():
        return _refused(contact_id, number, wording.too_many(seconds), 429, seconds)
    client = _api()
    if client is None:
        error = InvalidInputError("not_connected", "number")
        return _refused(contact_id, number, wording.refusal(error), 422)
    try:
        is_sent = _send(_typed(contact_id, number), client)
    except InvalidInputError as error:
        db.session.rollback()
        asks = error.field == "confirm"
        return _refused(contact_id, number, wording.refusal(error), 422, asks=asks)
    finally:
        client.close()
    if not wants_fragment():
        return see_other(_page_of(contact_id, number))
    contact = db.session.get(Contact, contact_id) if contact_id is not None else None
    # What was not sent stays in the field, to be sent again.
    return _with(contact, number, typed="" if is_sent else _text())


def _send(typed: sending.Typed, client: ZadarmaClient) -> bool:
    """Send what was typed, unless this same form has sent it before; False if it surely was not."""
    asked, new = sending.check(typed), list[Message]()

    def write() -> Message:
        new.append(sending.write(asked))
        return new[0]

    message_id = sent_forms.made(Message, write).id
    db.session.commit()
    if new:
        sending.send(message_id, client)
    return db.session.get_one(Message, message_id).state != MessageState.FAILED


def _typed(contact_id: int | None, number: str) -> sending.Typed:
    return sending.Typed(
        user_id=me().id,
        number=number,
        text=_text(),
        country=current_app.config["DEFAULT_COUNTRY"],
        sender=request.form.get("sender", "")[:40],
        contact_id=contact_id,
        is_confirmed=request.form.get("confirm") == "yes",
    )


def _text() -> str:
    typed = request.form.get("text", "")
    return typed[:_LONGEST_TEXT]


def _client_of(given: Any) -> tuple[Contact | None, str]:
    """Read with whom the messages are; raises NotFoundError for a contact of somebody else."""
    contact_id = read_id(given.get("contact_id"))
    contact = fetch(Contact, contact_id, me(), Verb.VIEW) if contact_id is not None else None
    return contact, given.get("number", "")[:_LONGEST_NUMBER].strip()


def _client(contact: Contact | None, number: str) -> Client:
    if contact is None:
        return Client(number)
    return Client(number, contact.id, tuple(forms_of(*contact.numbers)))


def _refused(
    contact_id: int | None, number: str, says: str, code: int, wait: int = 0, *, asks: bool = False
) -> Response:
    contact = db.session.get(Contact, contact_id) if contact_id is not None else None
    typed = _text()
    page = _with(contact, number, says=says, asks=asks, typed=typed)
    answer = make_response(page, code)
    if wait:
        events.refused(Kind.TOO_MANY, detail="messages.send")
        answer.headers["Retry-After"] = str(wait)
    return answer


def _with(contact: Contact | None, number: str, **said: Any) -> str:
    """Draw the messages with a client, and the form for a new one."""
    number = number or request.args.get("number", "")[:_LONGEST_NUMBER]
    if contact is not None and number not in contact.numbers:
        number = contact.numbers[0] if contact.numbers else ""
    chosen = read_id(request.args.get("template"))
    offered = templates.everything()
    template = next((one for one in offered if one.id == chosen), None)
    typed = said.pop("typed", "") or (
        templates.fill(template.text, contact, me()) if template else ""
    )
    known = senders.known_for(number)
    sender = request.form.get("sender", request.args.get("sender")) or listing.last_sender_of(me())
    page = listing.with_client(me(), _client(contact, number), read_id(request.args.get("before")))
    return page_or_fragment(
        "telephony/messages/show.html", "telephony/messages/_box.html",
        contact=contact, number=number, page=page, typed=typed, words=wording,
        senders=known, sender=sender if sender in known else "",
        templates=offered, **_sized(typed, number), **said,
    )  # fmt: skip


def _sized(text: str, number: str) -> dict[str, Any]:
    size = size_of(text.replace("\r\n", "\n").strip())
    last = listing.last_price(senders.calling_code(number)) if size.parts else None
    return {
        "size": size,
        "length": wording.length(size) if size.parts else "",
        "estimate": wording.estimate(last, size.parts),
        "most_parts": sending.MOST_PARTS,
    }


def _page_of(contact_id: int | None, number: str) -> str:
    if contact_id is not None:
        return url_for("messages.for_contact", contact_id=contact_id)
    return url_for("messages.with_number", number=number)


def _seconds_to_wait() -> int:
    user_id = me().id
    # Counting may wait for a network.
    db.session.commit()
    return sending.seconds_to_wait(user_id, current_app.extensions["counter"])


def _link() -> Link:
    links: LinkCache = current_app.extensions["telephony_links"]
    return links.current()


def _api() -> ZadarmaClient | None:
    config, counter = current_app.extensions["settings"], current_app.extensions["counter"]
    return client_for(_link(), config, counter, _TIMEOUT_SECONDS)
