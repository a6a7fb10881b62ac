"""A caller whom nobody knows becomes a client: once, however many calls and workers there are."""

from sqlalchemy import Connection, select

from crm_app import database, phone_numbers
from crm_app.accounts.models import User
from crm_app.calls import services as calls
from crm_app.calls.fold.facts import Direction
from crm_app.calls.fold.follow_ups import TALKED
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.leads import services as leads
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead
from crm_app.phone_pairs import forms_of
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.new_clients import ignore_list
from crm_app.telephony.new_clients.models import NewClient
from crm_app.telephony.new_clients.words import Defaults, Texts, texts
from crm_app.telephony.routing import black_list
from crm_app.telephony.routing.own_numbers import is_own_number


def make(pbx_call_id: str, defaults: Defaults) -> None:
    """Make the contact, the lead or both that the switches want of a stranger's call.

    Nothing is made of a call from before the switch was turned on, of one that a person has said
    something about, or of a number that somebody has by now. The caller commits.
    """
    settings = TelephonySettings.current()
    connection = db.session.connection()
    # As when a user names a stranger: the call first, then the number.
    ledger.lock(connection, pbx_call_id)
    call = _find(pbx_call_id)
    if call is None or not _is_wanted(call, settings):
        return
    number = call.outside_number
    ledger.lock(connection, number)
    if is_no_client(connection, number) or black_list.refuses(
        connection, settings.switches, number, call.started_at
    ):
        return
    claim = _claim(connection, number)
    if contacts.matching(number) or contacts.is_in_bin(number):
        return
    responsible = _responsible(call, settings)
    made = settings.switches.new_client_makes
    said = texts(call, responsible, defaults)
    lead = next(iter(leads.open_leads_of_numbers([number])), None)
    if made == "lead":
        lead = lead or _make_lead(call, None, responsible, said)
        calls.attach_new_client(call, None, lead)
        claim.lead_id, claim.call_id = lead.id, call.id
        return
    contact = _make_contact(call, responsible, said)
    if made == "both" and lead is None:
        lead = _make_lead(call, contact, responsible, said)
    calls.attach_new_client(call, contact, lead)
    claim.contact_id, claim.call_id = contact.id, call.id
    claim.lead_id = lead.id if lead is not None else None


def is_no_client(connection: Connection, number: str) -> bool:
    """Whether a number is ours, or one of those that the office wants no clients of."""
    return is_own_number(connection, number) or ignore_list.holds(connection, number)


def _find(pbx_call_id: str) -> Call | None:
    statement = select(Call).where(Call.pbx_call_id == pbx_call_id)
    return db.session.scalar(statement.execution_options(populate_existing=True))


def _is_wanted(call: Call, settings: TelephonySettings) -> bool:
    wanted, since = settings.switches.new_client, settings.switched_on_at("new_client")
    if wanted == "off" or since is None or call.started_at < since:
        return False
    is_stranger = call.contact_id is None and not call.contact_is_chosen
    is_client = call.direction == Direction.INBOUND and not call.is_own_leg
    if not (is_stranger and is_client and phone_numbers.can_be_stored(call.outside_number)):
        return False
    is_talk = call.status in TALKED and not call.is_missed
    return is_talk or (wanted == "always" and call.is_missed)


def _claim(connection: Connection, number: str) -> NewClient:
    """Hold the number's only row until the transaction ends; made when there is none."""
    key, *_others = forms_of(number)
    database.add_missing(connection, NewClient, number=key)
    return db.session.get_one(NewClient, key, with_for_update=True, populate_existing=True)


def _responsible(call: Call, settings: TelephonySettings) -> User | None:
    """Find who talked, else who is responsible by default."""
    people = (call.user, settings.default_responsible)
    return next((user for user in people if user is not None and user.active), None)


def _make_contact(call: Call, responsible: User | None, said: Texts) -> Contact:
    draft = ContactDraft(
        name=said.name,
        phones=[PhoneDraft(call.outside_number, is_main=True)],
        responsible_id=responsible.id if responsible else None,
        about=" · ".join(filter(None, (said.source, said.about))),
    )
    return contacts.create_contact(draft, None)


def _make_lead(call: Call, contact: Contact | None, responsible: User | None, said: Texts) -> Lead:
    draft = LeadDraft(
        title=said.title,
        contact_id=contact.id if contact else None,
        source=said.source,
        about=said.about,
        responsible_id=responsible.id if responsible else None,
    )
    return leads.create_lead(draft, None, number="" if contact else call.outside_number)
