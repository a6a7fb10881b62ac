"""Every address with a number in it, asked for with what is somebody else's."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.routing import IntegerConverter, Rule

from crm_app import clock, database
from crm_app.accounts import rights
from crm_app.accounts.models import BrowserSession, Role, User
from crm_app.accounts.rights import Place, Reach, Verb
from crm_app.accounts.second_factor.models import Passkey
from crm_app.accounts.services import change_office
from crm_app.board import walls
from crm_app.call_lists.models import CallList, CallListEntry
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import Direction, Fact, FactKind
from crm_app.calls.models import Call, CallFact, CallOutcome, CallWrapup
from crm_app.calls.store.ledger import record
from crm_app.calls.taking.models import TakenCalls
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_task, make_user
from crm_app.errors import NotFoundError
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.journal.models import JournalEntry, Note
from crm_app.journal.services import add_note
from crm_app.leads.models import Lead
from crm_app.recordings.models import Recording
from crm_app.recordings.store import Store
from crm_app.talks.models import Talk
from crm_app.tasks.models import Task
from crm_app.telephony import services
from crm_app.telephony.call_files.models import CallFile
from crm_app.telephony.dialling.models import DialRequest
from crm_app.telephony.messages.models import Message, MessageState, MessageTemplate
from crm_app.telephony.new_clients.models import IgnoredNumber

ClientOf = Callable[[User], FlaskClient]
# So nobody else is called.
SECRET = "Zwyzx"
NAMES = re.compile(f"{SECRET} (Sousa|Gone|roof|call|likes)")
NUMBER = "+351910000042"
OF_THE_BIN = "+351910000043"


class Kind(Enum):
    """Whose a page is, and what an agent gets of somebody else's page where agents are restricted,
    what an agent who is not, and what a manager; 0 means the page itself.
    """

    RECORD = (404, 0, 0)
    # The card of a call is only for those whose phone has a part in it.
    CARD = (404, 404, 404)
    # The sound of a call is for those who talked in it, and for managers.
    SOUND = (404, 403, 0)
    # What somebody has written about a call is changed by them and by managers.
    WRITTEN = (404, 404, 0)
    # What managers arrange for all, and administrators.
    OFFICE = (403, 403, 0)
    ADMIN = (403, 403, 403)
    # Nothing happens to what is another user's, whoever asks.
    PRIVATE = (0, 0, 0)


# Each address with a number in it. A new one belongs here; a new verb of a record is a RECORD.
KINDS = {
    Kind.RECORD: (
        "contacts.show contacts.edit contacts.notes contacts.add_note contacts.people "
        "contacts.delete contacts.restore "
        "leads.show leads.edit leads.notes leads.add_note leads.delete leads.restore leads.ask "
        "leads.move leads.move_back leads.for_contact "
        "tasks.show tasks.edit tasks.complete tasks.reopen tasks.delete tasks.restore "
        "tasks.for_contact tasks.for_lead "
        "calls.show calls.choose calls.attach calls.set_lead calls.restore calls.for_contact "
        "calls.for_lead recordings.players calls.give_back talks.for_contact "
        "call_lists.write_up call_lists.later call_lists.skip call_lists.release "
        "call_lists.bring_back "
        "callbacks.show callbacks.more callbacks.reminder callbacks.take callbacks.release "
        "callbacks.reassign callbacks.done callbacks.reopen callbacks.snooze callbacks.unsnooze "
        "callbacks.note "
        "messages.for_contact messages.notice"
    ),
    Kind.SOUND: (
        "recordings.sound recordings.sound_of recordings.player recordings.heard "
        "recordings.try_again recordings.fetch_all"
    ),
    Kind.CARD: (
        "calls.close_popup calls.people calls.identify calls.make_lead "
        "calls.save_wrapup calls.keep_draft calls.take_back calls.dismiss"
    ),
    Kind.WRITTEN: "calls.revise talks.edit talks.delete",
    Kind.OFFICE: (
        "leads.change_stage leads.shift_stage leads.empty_stage leads.delete_stage "
        "calls.rename_outcome calls.shift_outcome calls.remove_outcome calls.bring_back_outcome "
        "recordings.hold recordings.release recordings.delete "
        "accounts.card accounts.send_away accounts.call_back_in jobs.try_again "
        "telephony_journal.show telephony_journal.replay "
        "call_lists.close call_lists.open_again"
    ),
    Kind.ADMIN: (
        "accounts.edit accounts.disable accounts.enable accounts.invite_again accounts.sign_out "
        "accounts.make_reset_link accounts.reset_second_factor new_clients.heed "
        "calls.taken_by call_files.show call_files.take_in call_files.discard "
        "board.revoke_wall message_templates.edit message_templates.remove"
    ),
    # A call list is everybody's, and gives each only whom they may see.
    Kind.PRIVATE: (
        "accounts.remove_passkey accounts.end_session dialling.close_dial "
        "call_lists.show call_lists.take"
    ),
}
EXAMPLES = {name: kind for kind, names in KINDS.items() for name in names.split()}
# What cannot be done to a record in the bin, nor to one outside.
ONLY_OUTSIDE = {
    "call_lists.write_up",
    "call_lists.later",
    "call_lists.skip",
    "call_lists.release",
    "call_lists.bring_back",
    "contacts.people",
    "contacts.delete",
    "leads.delete",
    "leads.ask",
    "leads.for_contact",
    "tasks.complete",
    "tasks.reopen",
    "tasks.delete",
    "calls.for_contact",
    "calls.for_lead",
    "messages.for_contact",
    "calls.give_back",
    "talks.edit",
    "talks.delete",
}
# Also GET of these: the form of a record in the bin is only taken, not shown.
OPENED_OUTSIDE = {
    "contacts.edit",
    "leads.edit",
    "tasks.edit",
    "tasks.for_contact",
    "tasks.for_lead",
}


@pytest.fixture
def ids(app: Flask, carol: User, alice: User) -> dict[str, int]:
    """One example of everything that has a number, all of it Carol's."""
    carol.extension = "102"
    contact = make_contact(f"{SECRET} Sousa", phones=(NUMBER,), responsible=carol)
    gone = make_contact(
        f"{SECRET} Gone", phones=(OF_THE_BIN,), responsible=carol, deleted_at=clock.now()
    )
    lead = make_lead(f"{SECRET} roof", contact=contact, responsible=carol)
    task = make_task(f"{SECRET} call", contact=contact, lead=lead, assignee=carol)
    task.created_by_id = carol.id
    add_note("contact", contact.id, f"{SECRET} likes coffee", carol)
    began = datetime(2026, 3, 2, 12, tzinfo=UTC)
    for kind, extension in ((FactKind.STARTED, ""), (FactKind.RANG, "102"), (FactKind.ENDED, "")):
        told = Fact(kind, "in_1", began, caller=OF_THE_BIN, extension=extension)
        call_id = record(db.session.connection(), told, "").call_id
    outcome = CallOutcome(code="x", label="Wants a quote")
    passkey = Passkey(
        user_id=carol.id, credential_id="x", public_key="y", user_handle="z", name="Laptop"
    )
    dial = DialRequest(user_id=carol.id, extension="102", number=NUMBER)
    job = Job(kind="x", due_at=clock.now(), last_error="No.")
    wrapup = CallWrapup(
        call_id=call_id, user_id=carol.id, note=f"{SECRET} likes it", saved_at=clock.now()
    )
    taken = TakenCalls(contact_id=contact.id, number=NUMBER, count=1)
    ignored = IgnoredNumber(number="+351800", is_prefix=True)
    call_list = CallList(name="Autumn", of="contacts", created_by_id=carol.id)
    file = CallFile(name="c.csv", state="checked", rows=0, pieces=0, created_by_id=carol.id)
    db.session.add_all([outcome, passkey, dial, job, wrapup, ignored, taken, call_list, file])
    db.session.flush()
    wall = walls.make("Reception", alice)
    entry = CallListEntry(list_id=call_list.id, position=1, contact_id=contact.id)
    talk = Talk(
        contact_id=contact.id, user_id=carol.id, entered_by_id=carol.id, kind="mobile",
        began_at=clock.now(), note=f"{SECRET} likes to walk",
    )  # fmt: skip
    db.session.add_all([entry, talk])
    store: Store = app.extensions["recordings"]
    path = store.new_file("1.mp3")
    path.write_bytes(b"a sound")
    store.put(path, "1.mp3")
    recording = Recording(
        call_id=call_id, recording_id="1.1", recorded_at=began, state="ready", name="1.mp3", size=7,
        seconds=1.0,
    )  # fmt: skip
    call_back = CallBack(contact_id=contact.id, number=NUMBER, owner_id=carol.id)
    db.session.add_all([recording, call_back])
    db.session.flush()
    services.set_switches({"sms": "on"})
    app.extensions["telephony_links"].forget()
    message = Message(
        direction=Direction.INBOUND, number=NUMBER, contact_id=contact.id, owner_id=carol.id,
        text=f"{SECRET} likes to write", state=MessageState.RECEIVED,
    )  # fmt: skip
    template = MessageTemplate(name="Hello", text="Hello {name}")
    db.session.add_all([message, template])
    db.session.commit()
    return {
        "recording_id": recording.id,
        "n": 1,
        "contact_id": contact.id,
        "binned_id": gone.id,
        "lead_id": lead.id,
        "task_id": task.id,
        "call_id": call_id,
        "stage_id": lead.stage_id,
        "outcome_id": outcome.id,
        "number_id": ignored.id,
        "taken_id": taken.id,
        "user_id": carol.id,
        "passkey_id": passkey.id,
        "dial_id": dial.id,
        "job_id": job.id,
        "wrapup_id": wrapup.id,
        "fact_id": db.session.scalars(select(CallFact.id).order_by(CallFact.id)).all()[0],
        "list_id": call_list.id,
        "wall_id": wall.id,
        "entry_id": entry.id,
        "talk_id": talk.id,
        "call_back_id": call_back.id,
        "file_id": file.id,
        "message_id": message.id,
        "template_id": template.id,
    }


def with_numbers(app: Flask) -> list[Rule]:
    """Give the rules whose addresses hold a number."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if any(isinstance(one, IntegerConverter) for one in rule._converters.values())
    ]


def form_for(endpoint: str, ids: dict[str, int], *, in_bin: bool) -> dict[str, object]:
    """Fill any form so that nothing but rights is in its way."""
    others = {} if in_bin else {"contact_id": ids["contact_id"], "lead_id": ids["lead_id"]}
    if endpoint == "calls.restore":
        others = {"contact_id": ids["binned_id"]}
    typed = dict.fromkeys(("title", "name", "label", "text", "note"), "Typed")
    return {**others, **typed, "stage_id": ids["stage_id"]}


def set_bin(*, is_full: bool) -> None:
    """Put Carol's records in the bin, or take them out; one contact is always in it."""
    # The last request may have promised only to read.
    db.session.rollback()
    database.set_reads_only(False)
    moment = clock.now() if is_full else None
    for model in (Contact, Lead, Task):
        db.session.execute(update(model).values(deleted_at=moment))
    gone = update(Contact).where(Contact.name == f"{SECRET} Gone")
    db.session.execute(gone.values(deleted_at=clock.now()))
    db.session.commit()


def traces() -> tuple[object, ...]:
    """Count all that a verb leaves behind."""
    db.session.rollback()
    counted = (JournalEntry, Note, Task, Lead, Contact, CallWrapup, Passkey)
    closed = select(func.count()).where(DialRequest.closed_at.is_not(None))
    ended = select(func.count()).where(BrowserSession.ended_at.is_not(None))
    return (
        *[db.session.scalar(select(func.count()).select_from(model)) for model in counted],
        db.session.scalar(closed),
        db.session.scalar(ended),
    )


def answers(
    app: Flask, client: FlaskClient, ids: dict[str, int], *, in_bin: bool
) -> dict[str, int]:
    """Ask for every address with a number, by each of its methods; give the codes."""
    addresses = app.url_map.bind("localhost")
    found: dict[str, int] = {}
    for rule in with_numbers(app):
        given = {name: ids[name] for name in rule.arguments}
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            set_bin(is_full=in_bin)
            url = addresses.build(rule.endpoint, given, method=method)
            form = form_for(rule.endpoint, ids, in_bin=in_bin) if method == "POST" else None
            answer = client.open(url, method=method, data=form)
            found[f"{method} {rule.endpoint}"] = answer.status_code
    return found


def wrong(found: dict[str, int], column: int, *, in_bin: bool) -> dict[str, int]:
    """Give the codes that are not those of the table."""
    not_as_said = {}
    for question, code in found.items():
        method, endpoint = question.split()
        expected = EXAMPLES[endpoint].value[column]
        is_outside = endpoint in ONLY_OUTSIDE or (method == "GET" and endpoint in OPENED_OUTSIDE)
        if in_bin and is_outside:
            expected = 404
        is_right = code == expected if expected else code < 500 and code not in {401, 403, 404}
        if not is_right:
            not_as_said[question] = code
    return not_as_said


def test_every_address_with_a_number_has_an_example(app: Flask, ids: dict[str, int]) -> None:
    rules = with_numbers(app)
    assert {rule.endpoint for rule in rules} == set(EXAMPLES)
    assert {name for rule in rules for name in rule.arguments} <= {*ids, "session_id"}


@pytest.mark.parametrize("in_bin", [False, True], ids=["outside the bin", "in the bin"])
@pytest.mark.parametrize("column", [0, 1, 2], ids=["restricted agent", "agent", "manager"])
def test_it_opens_what_is_somebody_elses_only_to_those_who_may(
    app: Flask,
    alice: User,
    bob: User,
    carol: User,
    dora: User,
    ids: dict[str, int],
    client_of: ClientOf,
    column: int,
    in_bin: bool,
) -> None:
    change_office("", restricts_agents=column == 0, by=alice)
    client_of(carol).get("/")
    [ids["session_id"]] = db.session.scalars(
        select(BrowserSession.id).where(BrowserSession.user_id == carol.id)
    ).all()
    client, before = client_of(dora if column == 2 else bob), traces()
    assert wrong(answers(app, client, ids, in_bin=in_bin), column, in_bin=in_bin) == {}
    # Who may not, has changed nothing; who may, has.
    assert (traces() == before) == (column == 0)
    ended = select(BrowserSession.id).where(BrowserSession.ended_at.is_not(None))
    assert db.session.scalars(ended).all() == []
    assert db.session.get_one(DialRequest, ids["dial_id"]).closed_at is None
    assert db.session.get(Passkey, ids["passkey_id"]) is not None


def test_it_shows_a_restricted_agent_nothing_of_others_on_any_page(
    app: Flask, alice: User, bob: User, carol: User, ids: dict[str, int], client_of: ClientOf
) -> None:
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    queries = ["", f"?q={SECRET}", f"?client={SECRET}", f"?name={SECRET}"]
    queries += [f"?user={ids['user_id']}", f"?responsible={ids['user_id']}", "?assignee=all"]
    queries += [f"?contact_id={ids['contact_id']}&lead_id={ids['lead_id']}", f"?number={NUMBER}"]
    theirs, others, walked = client_of(carol), client_of(bob), 0
    for is_full in (False, True):
        set_bin(is_full=is_full)
        shown = 0
        for rule in app.url_map.iter_rules():
            is_page = not rule.arguments and "GET" in (rule.methods or ())
            if not is_page or rule.endpoint == "live.stream":
                continue
            for query in queries:
                address = rule.rule + query
                # What is typed stands on the page again, but so it is in no record.
                assert not NAMES.search(others.get(address).text), address
                shown += NAMES.search(theirs.get(address).text) is not None
                walked += 1
        assert shown > 3
    assert walked > 200


def test_it_attaches_nothing_of_others_to_a_restricted_agents_own(
    app: Flask, alice: User, bob: User, ids: dict[str, int], client_of: ClientOf
) -> None:
    change_office("", restricts_agents=True, by=alice)
    own = {
        "task": make_task("Mine", assignee=bob).id,
        "lead": make_lead("Mine", responsible=bob).id,
    }
    told = Fact(FactKind.STARTED, "in_2", clock.now(), caller="+351910000044")
    call_id = record(db.session.connection(), told, "").call_id
    rang = Fact(FactKind.RANG, "in_2", clock.now(), caller="+351910000044", extension="101")
    record(db.session.connection(), rang, "")
    db.session.commit()
    client = client_of(bob)
    data = {"contact_id": ids["contact_id"], "lead_id": ids["lead_id"], "title": "Mine"}
    data |= {"version": 1}
    for end in ("attach", "lead", "identify"):
        assert client.post(f"/calls/{call_id}/{end}", data=data).status_code == 404, end
    for end in ("tasks/new", "leads/new", f"tasks/{own['task']}/edit", f"leads/{own['lead']}/edit"):
        assert client.post(f"/{end}", data=data).status_code == 422, end
    client.post("/telephony/dial", data={**data, "number": "+351910000045"})
    dialled = db.session.scalars(select(DialRequest).where(DialRequest.user_id == bob.id)).one()
    assert (dialled.contact_id, dialled.lead_id) == (None, None)
    call = db.session.get_one(Call, call_id)
    assert (call.contact_id, call.lead_id) == (None, None)


@pytest.mark.parametrize("verb", list(Verb))
def test_it_answers_alike_for_a_list_and_for_one_record(
    app: Flask, alice: User, bob: User, carol: User, dora: User, ids: dict[str, int], verb: Verb
) -> None:
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    records = {Contact: "contact_id", Lead: "lead_id", Task: "task_id", Call: "call_id"}
    for user, sees in ((alice, True), (dora, True), (carol, True), (bob, False)):
        assert (rights.reach(user, verb) is Reach.ALL) == user.is_manager
        for model, name in records.items():
            # Carol's phone only rang in that call: she sees it and hears nothing.
            may = user.is_manager if (model, verb) == (Call, Verb.LISTEN) else sees
            listed = db.session.scalars(rights.allowed(user, model, verb)).all()
            assert (ids[name] in [row.id for row in listed]) == may
            assert (rights.find(model, ids[name], user, verb) is not None) == may
            if may:
                assert rights.fetch(model, ids[name], user, verb).id == ids[name]
            else:
                with pytest.raises(NotFoundError):
                    rights.fetch(model, ids[name], user, verb)
        for model in (Contact, Lead, Task):
            one = db.session.get_one(model, ids[records[model]])
            assert rights.reaches(user, one, verb) == sees
            assert rights.may_open(user, one) == sees


@pytest.mark.parametrize("model", [Contact, Lead, Task])
def test_it_leads_back_from_the_bin_what_one_put_there_oneself(
    app: Flask, alice: User, bob: User, ids: dict[str, int], client_of: ClientOf, model: type
) -> None:
    kind = model.__tablename__
    record_id, client = ids[f"{kind}_id"], client_of(bob)
    path = f"/{kind}s/{record_id}"
    assert client.post(f"{path}/delete").status_code == 303
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    assert rights.find(model, record_id, bob, Verb.VIEW) is None
    assert rights.find(model, record_id, bob, Verb.VIEW, place=Place.BIN) is not None
    assert client.get(path).status_code == 200
    assert client.post(f"{path}/restore").status_code == 303
    assert client.get(path).status_code == 404


def test_nobody_learns_of_a_record_that_is_not_theirs_to_see(
    app: Flask, alice: User, ids: dict[str, int], client_of: ClientOf
) -> None:
    change_office("", restricts_agents=True, by=alice)
    client = client_of(make_user("Eva", role=Role.AGENT))
    theirs = client.get(f"/contacts/{ids['contact_id']}")
    nobodys = client.get("/contacts/99999")
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    said = [page.text.partition("<main")[2].partition("</main>")[0] for page in (theirs, nobodys)]
    assert "There is nothing here" in said[0]
    assert said[0] == said[1]
