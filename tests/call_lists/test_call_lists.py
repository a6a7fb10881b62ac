"""Call lists: who is on them, who gets whom, and what is written up."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.call_lists import services
from crm_app.call_lists.models import CallList, CallListEntry, EntryState
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import CallWrapup
from crm_app.calls.store.ledger import record
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_user
from crm_app.extensions import db
from crm_app.journal.models import Note
from crm_app.records.bin import put_in_bin
from crm_app.tasks.models import Task
from tests.questions import questions

ClientOf = Callable[[User], FlaskClient]


def number(place: int) -> str:
    return f"+3519100000{place:02}"


@pytest.fixture
def people(app: Flask, bob: User) -> list[Contact]:
    """Three who can be called, one who asked not to be, one without a number."""
    made = [
        make_contact(name, phones=(number(place),), responsible=bob)
        for place, name in enumerate(("Ana", "Bela", "Clara"))
    ]
    make_contact("Dina", phones=(number(10),), do_not_call=True)
    make_contact("Eva")
    return made


def make(browser: FlaskClient, of: str = "contacts", args: str = "", **more: str) -> int:
    answer = browser.post(f"/call-lists/new?of={of}&{args}", data={"name": "Autumn", **more})
    db.session.rollback()
    assert answer.status_code == 303, answer.text
    return int(answer.location.rpartition("/")[2])


def names(list_id: int, state: EntryState = EntryState.WAITING) -> list[str]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(Contact.name)
            .join(CallListEntry, CallListEntry.contact_id == Contact.id)
            .where(CallListEntry.list_id == list_id, CallListEntry.state == state)
            .order_by(CallListEntry.position)
        )
    )


def take(browser: FlaskClient, list_id: int) -> None:
    assert browser.post(f"/call-lists/{list_id}/next").status_code == 303
    db.session.rollback()


def entry_of(list_id: int, user: User) -> CallListEntry:
    db.session.rollback()
    found = services.held_by(db.session.get_one(CallList, list_id), user)
    assert found is not None
    return found


def begin(browser: FlaskClient, user: User) -> tuple[int, int]:
    """Make a list of the contacts and take the first one: the ids of the list and of the entry."""
    list_id = make(browser)
    take(browser, list_id)
    return list_id, entry_of(list_id, user).id


def whom(list_id: int, user: User) -> str:
    return entry_of(list_id, user).contact.name


def save(browser: FlaskClient, list_id: int, entry_id: int, **typed: str) -> int:
    answer = browser.post(f"/call-lists/{list_id}/entries/{entry_id}", data=typed)
    db.session.rollback()
    return answer.status_code


def test_it_holds_whom_the_filter_found_and_stays_so(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    page = browser.get("/call-lists/new?of=contacts&sort=newest").text
    assert "3 can be called." in page
    assert "1 has no number and is left out." in page
    assert "1 asked not to be called." in page
    list_id = make(browser, args="sort=newest")
    assert names(list_id) == ["Clara", "Bela", "Ana"]
    make_contact("Fia", phones=(number(11),))
    assert names(list_id) == ["Clara", "Bela", "Ana"]
    narrowed = make(browser, args="q=Bela")
    assert names(narrowed) == ["Bela"]


def test_it_skips_who_asked_not_to_be_called_unless_they_are_wanted(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    assert "Dina" not in names(make(browser))
    with_all = make(browser, calls_do_not_call="y")
    assert names(with_all) == ["Ana", "Bela", "Clara", "Dina"]
    list_id = make(browser)
    # Who asks later is left out as well.
    people[0].do_not_call = True
    db.session.commit()
    take(browser, list_id)
    assert whom(list_id, bob) == "Bela"
    assert "1 cannot be called now" in browser.get(f"/call-lists/{list_id}").text


def test_it_is_made_of_leads_too(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana = make_contact("Ana", phones=(number(1),))
    make_lead("Roof", contact=ana, responsible=bob)
    make_lead("Door", contact=ana, responsible=bob)
    make_lead("Nobody's")
    browser = client_of(bob)
    assert "1 has no number and is left out." in browser.get("/call-lists/new?of=leads").text
    list_id = make(browser, "leads", "sort=oldest")
    assert names(list_id) == ["Ana", "Ana"]
    take(browser, list_id)
    entry = entry_of(list_id, bob)
    assert entry.lead is not None
    assert entry.lead.title == "Roof"
    page = browser.get(f"/call-lists/{list_id}").text
    assert f'name="lead_id" value="{entry.lead_id}"' in page
    assert f'data-call-number="{number(1)}"' in page


def test_a_list_of_nobody_is_refused(app: Flask, bob: User, client_of: ClientOf) -> None:
    browser = client_of(bob)
    answer = browser.post("/call-lists/new?q=nobody", data={"name": "Autumn"})
    assert answer.status_code == 422
    assert "This finds nobody who can be called." in answer.text
    assert db.session.scalar(select(func.count(CallList.id))) == 0


def test_the_next_one_comes_by_a_click_and_keeps_its_place(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id = make(browser)
    assert "Next to call" in browser.get(f"/call-lists/{list_id}").text
    assert names(list_id, EntryState.HELD) == []
    for _ in range(2):
        take(browser, list_id)
        assert whom(list_id, bob) == "Ana"
    assert "Ana" in client_of(bob).get(f"/call-lists/{list_id}").text


def test_two_people_never_get_the_same_one(
    people: list[Contact], bob: User, dora: User, client_of: ClientOf
) -> None:
    list_id = make(client_of(bob))
    take(client_of(bob), list_id)
    take(client_of(dora), list_id)
    assert (whom(list_id, bob), whom(list_id, dora)) == ("Ana", "Bela")
    page = client_of(bob).get(f"/call-lists/{list_id}").text
    assert f"{dora.name}: Bela" in page


def test_a_client_whom_a_colleague_has_is_given_to_nobody_else(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    ana, bela = (make_contact(name, phones=(number(1),)) for name in ("Ana", "Bela"))
    clara = make_contact("Clara", phones=(number(2),))
    for contact in (ana, ana, bela, clara):
        make_lead("Roof", contact=contact, responsible=bob)
    list_id = make(client_of(bob), "leads", "sort=oldest")
    take(client_of(bob), list_id)
    take(client_of(dora), list_id)
    # Neither the second lead of Ana, nor Bela, who has her number.
    assert (whom(list_id, bob), whom(list_id, dora)) == ("Ana", "Clara")
    assert "2 cannot be called now" in client_of(dora).get(f"/call-lists/{list_id}").text
    save(client_of(dora), list_id, entry_of(list_id, dora).id, outcome="done")
    take(client_of(dora), list_id)
    assert names(list_id, EntryState.HELD) == ["Ana"]
    save(client_of(bob), list_id, entry_of(list_id, bob).id, outcome="done")
    take(client_of(dora), list_id)
    assert whom(list_id, dora) == "Ana"


def test_a_number_in_another_form_is_the_same_client(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    make_contact("Ana", phones=("+5511987654321",))
    make_contact("Bela", phones=("+551187654321",))
    list_id = make(client_of(bob))
    take(client_of(bob), list_id)
    take(client_of(dora), list_id)
    assert names(list_id, EntryState.HELD) == ["Ana"]


def ask_at_once(app: Flask, list_id: int, user_ids: list[int]) -> list[int | None]:
    """Let users ask for the next one at the same moment: the entries that they get."""
    got: list[int | None] = []
    start = threading.Barrier(len(user_ids))

    def ask(user_id: int) -> None:
        with app.app_context():
            start.wait(20)
            entry = services.take_next(
                db.session.get_one(CallList, list_id), db.session.get_one(User, user_id)
            )
            got.append(entry.id if entry is not None else None)
            db.session.commit()

    threads = [threading.Thread(target=ask, args=(user_id,)) for user_id in user_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return got


def list_of(contact_ids: list[int], maker: User) -> int:
    call_list = CallList(name="Autumn", of="contacts", created_by_id=maker.id)
    db.session.add(call_list)
    db.session.flush()
    list_id = call_list.id
    for position, contact_id in enumerate(contact_ids):
        entry = CallListEntry(list_id=list_id, position=position, contact_id=contact_id)
        db.session.add(entry)
    db.session.commit()
    return list_id


def test_of_many_who_ask_at_once_each_gets_another_one(app: Flask, bob: User) -> None:
    ids = [make_contact(f"Contact {place:02}", phones=(number(place),)).id for place in range(20)]
    users = [make_user(f"User {place}").id for place in range(12)]
    list_id = list_of(ids, bob)
    # Each in two tabs.
    got = ask_at_once(app, list_id, users * 2)
    assert None not in got
    assert len(got) == len(users) * 2
    assert len(set(got)) == len(users)
    assert len(names(list_id, EntryState.HELD)) == len(users)


def test_of_many_who_ask_at_once_no_two_get_the_same_client(app: Flask, bob: User) -> None:
    """Six clients: each is two contacts with one number, and each contact is there twice."""
    ids = [make_contact(f"C {place:02}", phones=(number(place // 2),)).id for place in range(12)]
    users = [make_user(f"User {place}").id for place in range(10)]
    list_id = list_of([one for one in ids for _ in range(2)], bob)
    got = ask_at_once(app, list_id, users)
    assert len(got) == len(users)
    held = names(list_id, EntryState.HELD)
    assert len(held) == len([one for one in got if one is not None]) == 6
    assert len({int(name[2:]) // 2 for name in held}) == 6


def test_one_that_is_not_used_goes_to_others_after_half_an_hour(
    people: list[Contact], bob: User, dora: User, client_of: ClientOf
) -> None:
    list_id = make(client_of(bob))
    take(client_of(bob), list_id)
    entry_id = entry_of(list_id, bob).id
    with time_machine.travel(clock.now() + timedelta(minutes=29), tick=False):
        # Who looks at the page is at work.
        client_of(bob).get(f"/call-lists/{list_id}")
    with time_machine.travel(clock.now() + timedelta(minutes=31), tick=False):
        take(client_of(dora), list_id)
        assert whom(list_id, dora) == "Bela"
        client_of(dora).post(
            f"/call-lists/{list_id}/entries/{entry_of(list_id, dora).id}/release", data={}
        )
    with time_machine.travel(clock.now() + timedelta(minutes=62), tick=False):
        take(client_of(dora), list_id)
        assert whom(list_id, dora) == "Ana"
        answer = client_of(bob).post(
            f"/call-lists/{list_id}/entries/{entry_id}",
            data={"outcome": "done"},
            follow_redirects=True,
        )
        assert "somebody else" in answer.text
        assert whom(list_id, dora) == "Ana"
    assert names(list_id, EntryState.DONE) == []


def talk(bob: User, place: int = 0, *, ended: bool = True) -> None:
    """Let Bob call one of them by his phone."""
    talk_with(number(place), ended=ended)


def talk_with(called: str, *, ended: bool = True) -> None:
    """Let Bob call a number by his phone."""
    told = {"called": called, "extension": "101"}
    call_id = f"out_{called}{clock.now().timestamp()}"
    kinds = [FactKind.OUTGOING_STARTED, FactKind.ANSWERED]
    for kind in kinds:
        record(db.session.connection(), Fact(kind, call_id, clock.now(), **told), "")
    if ended:
        end = Fact(
            FactKind.OUTGOING_ENDED, call_id, clock.now(), disposition=Disposition.ANSWERED,
            talk_seconds=60, **told,
        )  # fmt: skip
        record(db.session.connection(), end, "")
    db.session.commit()


def test_outcome_and_note_are_the_write_up_of_the_call(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id, entry_id = begin(browser, bob)
    talk(bob)
    assert save(browser, list_id, entry_id, outcome="interested", note="Likes it", chip="tomorrow",
                then="next") == 303  # fmt: skip
    row = db.session.scalars(select(CallWrapup)).one()
    assert (row.outcome, row.note) == ("interested", "Likes it")
    assert row.saved_at is not None
    assert db.session.scalars(select(Task)).one().contact_id == people[0].id
    assert whom(list_id, bob) == "Bela"
    page = browser.get(f"/call-lists/{list_id}").text
    assert "Interested" in page
    assert "Likes it" in page
    assert f'href="/calls/{row.call_id}"' in page


def test_what_was_written_into_the_card_is_taken_over_and_not_written_twice(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id, entry_id = begin(browser, bob)
    talk(bob)
    call = services.call_of(entry_of(list_id, bob), bob)
    assert call is not None
    browser.post(f"/calls/{call.id}/wrapup", data={"outcome": "call_again", "note": "At six"})
    db.session.rollback()
    page = browser.get(f"/call-lists/{list_id}").text
    assert "You have written this call up already." in page
    assert "At six" in page
    assert save(browser, list_id, entry_id, outcome="call_again", note="At six") == 303
    assert db.session.scalars(select(CallWrapup)).one().outcome == "call_again"
    assert names(list_id, EntryState.DONE) == ["Ana"]


def test_nothing_is_written_up_while_the_call_is_going_on(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id, _ = begin(browser, bob)
    talk(bob, ended=False)
    assert save(browser, list_id, entry_of(list_id, bob).id, outcome="done") == 422
    assert whom(list_id, bob) == "Ana"


def test_without_a_call_the_note_goes_to_the_contact(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id, entry_id = begin(browser, bob)
    assert save(browser, list_id, entry_id) == 422
    assert save(browser, list_id, entry_id, note="Moved away", chip="hour") == 303
    note = db.session.scalars(select(Note)).one()
    assert (note.record_type, note.record_id, note.text) == ("contact", people[0].id, "Moved away")
    assert db.session.scalars(select(Task)).one().title == "Call Ana"


def test_numbers_in_what_people_wrote_can_be_called(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    people[0].about = "At home 213 456 789"
    db.session.commit()
    browser = client_of(bob)
    list_id, entry_id = begin(browser, bob)
    address = f"/call-lists/{list_id}"
    assert 'data-call-number="+351213456789"' in browser.get(address).text
    save(browser, list_id, entry_id, note="From now on 213 456 780")
    assert 'data-call-number="+351213456780"' in browser.get(address).text


def test_one_can_be_tried_later_skipped_given_back_and_brought_back(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id = make(browser)

    def leave(what: str, **more: str) -> None:
        entry_id = entry_of(list_id, bob).id
        browser.post(f"/call-lists/{list_id}/entries/{entry_id}/{what}", data=more)
        db.session.rollback()

    take(browser, list_id)
    leave("later", then="next")
    assert whom(list_id, bob) == "Bela"
    leave("skip", then="next")
    assert whom(list_id, bob) == "Clara"
    leave("release")
    assert names(list_id) == ["Clara", "Ana"]
    skipped = db.session.scalars(
        select(CallListEntry.id).where(CallListEntry.state == EntryState.SKIPPED)
    ).one()
    browser.post(f"/call-lists/{list_id}/entries/{skipped}/back")
    assert names(list_id) == ["Bela", "Clara", "Ana"]


def test_a_closed_list_gives_nobody_and_its_maker_opens_it_again(
    people: list[Contact], bob: User, carol: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id, _ = begin(browser, bob)
    assert client_of(carol).post(f"/call-lists/{list_id}/close").status_code == 403
    assert browser.post(f"/call-lists/{list_id}/close").status_code == 303
    assert names(list_id) == ["Ana", "Bela", "Clara"]
    assert (
        "This list is closed."
        in browser.post(f"/call-lists/{list_id}/next", follow_redirects=True).text
    )
    browser.post(f"/call-lists/{list_id}/open")
    take(browser, list_id)
    assert whom(list_id, bob) == "Ana"


def test_a_restricted_agent_is_given_only_their_own_contacts(
    people: list[Contact], bob: User, carol: User, client_of: ClientOf
) -> None:
    make_contact("Zita", phones=(number(12),), responsible=carol)
    list_id = make(client_of(bob))
    change_office("Ramal", restricts_agents=True, by=bob)
    db.session.commit()
    take(client_of(carol), list_id)
    assert whom(list_id, carol) == "Zita"
    page = client_of(carol).get(f"/call-lists/{list_id}").text
    assert "Ana" not in page
    entry_id = entry_of(list_id, carol).id
    others = db.session.scalars(
        select(CallListEntry.id).where(CallListEntry.id != entry_id)
    ).first()
    assert save(client_of(carol), list_id, int(others or 0), outcome="done") == 404


def test_one_whose_contact_was_deleted_does_not_keep_its_user_from_the_next(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id, _ = begin(browser, bob)
    assert whom(list_id, bob) == "Ana"
    put_in_bin(people[0], bob)
    db.session.commit()
    page = browser.get(f"/call-lists/{list_id}").text
    assert "data-call-list-entry" not in page
    assert "Next to call" in page
    take(browser, list_id)
    assert whom(list_id, bob) == "Bela"


def test_one_whose_contact_was_given_away_is_shown_no_more(
    people: list[Contact], bob: User, carol: User, client_of: ClientOf
) -> None:
    change_office("Ramal", restricts_agents=True, by=bob)
    db.session.commit()
    browser = client_of(bob)
    list_id, _ = begin(browser, bob)
    assert whom(list_id, bob) == "Ana"
    people[0].responsible_id = carol.id
    db.session.commit()
    assert "Ana" not in browser.get(f"/call-lists/{list_id}").text
    take(browser, list_id)
    assert whom(list_id, bob) == "Bela"
    take(client_of(carol), list_id)
    assert whom(list_id, carol) == "Ana"


def test_nobody_is_given_a_contact_who_is_on_the_phone_with_the_office(
    people: list[Contact], bob: User, dora: User, client_of: ClientOf
) -> None:
    list_id = make(client_of(dora))
    talk(bob, ended=False)
    take(client_of(dora), list_id)
    assert whom(list_id, dora) == "Bela"


def test_the_page_asks_the_same_however_long_the_list(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id, _ = begin(browser, bob)
    save(browser, list_id, entry_of(list_id, bob).id, outcome="done", then="next")

    def asked_for_the_page() -> int:
        browser.get(f"/call-lists/{list_id}")
        with questions() as asked:
            browser.get(f"/call-lists/{list_id}")
        db.session.rollback()
        return len(asked)

    few = asked_for_the_page()
    for place in range(20, 32):
        contact = make_contact(phones=(number(place),))
        done = {"state": EntryState.DONE, "done_at": clock.now(), "done_by_id": bob.id}
        db.session.add(
            CallListEntry(list_id=list_id, position=place, contact_id=contact.id, **done)
        )
    db.session.commit()
    assert asked_for_the_page() == few


def test_pages_that_are_open_read_what_colleagues_changed_and_hold_nobody_by_it(
    people: list[Contact], bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id, _entry = begin(browser, bob)
    held_at = clock.now() - timedelta(minutes=20)
    entry_of(list_id, bob).held_at = held_at
    db.session.commit()
    heard = {"HX-Request": "true"}
    progress = browser.get(f"/call-lists/{list_id}", headers=heard).text
    assert "0 of 3" in progress
    assert "<form" not in progress
    assert entry_of(list_id, bob).held_at == held_at
    results = browser.get(f"/call-lists/{list_id}?part=results", headers=heard).text
    assert "data-js-news" in results
    assert "0 of 3" not in results


def test_everybody_hears_of_each_change_of_a_list(
    people: list[Contact], bob: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, heard = client_of(bob), []
    list_id = make(browser)
    monkeypatch.setattr(
        services, "after_commit", lambda users, message: heard.append((list(users), message))
    )
    take(browser, list_id)
    for act in ("later", "skip"):
        browser.post(f"/call-lists/{list_id}/entries/{entry_of(list_id, bob).id}/{act}")
        take(browser, list_id)
    change_office("", restricts_agents=True, by=bob)
    db.session.commit()
    browser.post(f"/call-lists/{list_id}/close")
    assert heard[:-1] == [([0], {"call_list": list_id})] * 5
    assert heard[-1] == ([0, bob.id], {"call_list": list_id})
