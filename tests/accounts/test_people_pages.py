"""Administrators look after people; nobody else reaches those pages."""

import re
from collections.abc import Callable

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts import links
from crm_app.accounts.models import LinkPurpose, OfficeSettings, Role, User
from crm_app.accounts.people.views import absolute_url
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.live.messages import channel_of

EVA = {"name": "Eva Lopes", "email": "eva@example.com", "role": "agent", "extension": "104"}
LINK = re.compile(r'value="(http://localhost/(?:invitation|reset)/([\w-]+))"')

Browser = Callable[[User], FlaskClient]


@pytest.fixture
def browser(client_of: Browser, alice: User) -> FlaskClient:
    return client_of(alice)


def fresh(user: User) -> User:
    return db.session.get_one(User, user.id, populate_existing=True)


def test_it_lists_everybody_with_their_state(browser: FlaskClient, bob: User, carol: User) -> None:
    make_user("Gone", active=False, password="x")
    make_user("Here", password="x")
    page = browser.get("/people").text
    for words in ("Bob Agent", "101", "Invited", "Disabled", "Enabled", "Administrator", "never"):
        assert words in page
    assert page.index("Carol Agent") < page.index("Gone")


def test_it_asks_the_database_the_same_number_of_questions_for_any_office(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import event

    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        browser.get("/people")
        few = len(asked)
        for _ in range(20):
            make_user()
        asked.clear()
        browser.get("/people")
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(asked) <= few


def test_it_invites_and_shows_the_link_once(browser: FlaskClient) -> None:
    assert "Invite somebody" in browser.get("/people/new").text
    answer = browser.post("/people/new", data=EVA)
    assert answer.status_code == 200
    found = LINK.search(answer.text)
    assert found
    user = db.session.scalars(db.select(User).where(User.email == "eva@example.com")).one()
    assert links.find(found[2], LinkPurpose.INVITATION).user_id == user.id
    assert (user.extension, user.role, user.is_invited) == ("104", "agent", True)
    assert LINK.search(browser.get(f"/people/{user.id}").text) is None
    with browser.session_transaction() as session:
        assert found[2] not in str(dict(session))


def test_a_link_is_never_made_at_the_host_that_a_request_names(app: Flask) -> None:
    ours = app.extensions["settings"].base_url
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.66"):
        with app.test_request_context("/people/new", base_url=f"http://{host}"):
            link = absolute_url(LinkPurpose.INVITATION, "token")
        assert link.startswith(f"{ours}/invitation/"), host


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"name": "  "}, "Enter a name."),
        ({"email": "eva"}, "This is not an e-mail address."),
        ({"email": "ALICE.admin@example.com"}, "Somebody already has this e-mail."),
        ({"extension": "100"}, "Somebody already has this extension."),
        ({"extension": "12"}, "An extension has 3 to 5 digits"),
        ({"role": "god"}, "Not a valid choice"),
    ],
)
def test_it_keeps_what_was_typed_when_an_invitation_is_refused(
    browser: FlaskClient, changed: dict[str, str], complaint: str
) -> None:
    answer = browser.post("/people/new", data={**EVA, **changed})
    assert answer.status_code == 422
    assert complaint in answer.text
    if "name" not in changed:
        assert 'value="Eva Lopes"' in answer.text
    assert db.session.scalar(db.select(db.func.count()).select_from(User)) == 1


def test_it_changes_a_person(browser: FlaskClient, bob: User) -> None:
    page = browser.get(f"/people/{bob.id}").text
    assert 'value="Bob Agent"' in page
    assert 'value="101"' in page
    data = {"name": "Bob B.", "email": "bob@b.pt", "role": "manager", "extension": ""}
    assert browser.post(f"/people/{bob.id}", data=data).status_code == 303
    changed = fresh(bob)
    assert (changed.name, changed.email, changed.role) == ("Bob B.", "bob@b.pt", Role.MANAGER)
    assert changed.extension is None


def test_it_keeps_what_was_typed_when_a_change_is_refused(
    browser: FlaskClient, bob: User, dora: User
) -> None:
    data = {"name": "Robert", "email": bob.email, "role": "agent", "extension": "103"}
    answer = browser.post(f"/people/{bob.id}", data=data)
    assert answer.status_code == 422
    assert "Somebody already has this extension." in answer.text
    assert 'value="Robert"' in answer.text
    assert fresh(bob).name == "Bob Agent"


def test_it_does_not_take_the_role_of_the_one_who_asks(browser: FlaskClient, alice: User) -> None:
    data = {"name": "Alice", "email": alice.email, "role": "agent", "extension": "100"}
    answer = browser.post(f"/people/{alice.id}", data=data)
    assert answer.status_code == 422
    assert "You cannot take the administrator role from yourself" in answer.text
    assert fresh(alice).role == Role.ADMIN


def test_it_disables_and_enables(browser: FlaskClient, bob: User) -> None:
    answer = browser.post(f"/people/{bob.id}/disable")
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    assert "Bob Agent is disabled and signed out everywhere." in page
    assert "still assigned to them" in page
    assert (fresh(bob).active, fresh(bob).extension) == (False, None)
    browser.post(f"/people/{bob.id}/enable")
    assert fresh(bob).active


def test_it_says_why_nobody_disables_themselves(browser: FlaskClient, alice: User) -> None:
    answer = browser.post(f"/people/{alice.id}/disable")
    assert "You cannot disable yourself." in browser.get(answer.location).text
    assert fresh(alice).active


def test_it_makes_links_again_until_they_are_used(browser: FlaskClient, bob: User) -> None:
    answer = browser.post(f"/people/{bob.id}/invitation")
    assert "/invitation/" in answer.text
    bob.password = "x"
    db.session.commit()
    answer = browser.post(f"/people/{bob.id}/invitation")
    assert "already chosen a password" in browser.get(answer.location).text
    answer = browser.post(f"/people/{bob.id}/reset-link")
    assert "/reset/" in answer.text


def test_it_makes_no_reset_link_for_the_disabled(browser: FlaskClient) -> None:
    gone = make_user("Gone", active=False, password="x")
    answer = browser.post(f"/people/{gone.id}/reset-link")
    assert "Enable them first" in browser.get(answer.location).text


def test_it_builds_links_for_the_address_that_people_use(
    browser: FlaskClient, bob: User, app, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["settings"].model_copy(
        update={"public_url": "https://crm.example.pt/ramal"}
    )
    monkeypatch.setitem(app.extensions, "settings", settings)
    answer = browser.post(f"/people/{bob.id}/invitation")
    page = answer.text
    assert 'value="https://crm.example.pt/ramal/invitation/' in page


def test_it_switches_the_rights_of_agents(browser: FlaskClient) -> None:
    assert "Agents see only their own" in browser.get("/people/rights").text
    answer = browser.post("/people/rights", data={"name": "Casa Lda", "restricts_agents": "y"})
    assert answer.status_code == 303
    office = OfficeSettings.current()
    assert (office.name, office.restricts_agents) == ("Casa Lda", True)
    browser.post("/people/rights", data={"name": "Casa Lda"})
    db.session.refresh(office)
    assert not office.restricts_agents
    answer = browser.post("/people/rights", data={"name": "x" * 121, "restricts_agents": "y"})
    assert answer.status_code == 422
    assert "x" * 121 in answer.text


def test_it_lets_only_administrators_look_after_people(
    client_of: Browser, alice: User, bob: User, dora: User
) -> None:
    paths = [
        ("GET", "/people"),
        ("GET", "/people/new"),
        ("POST", "/people/new"),
        ("GET", f"/people/{bob.id}"),
        ("POST", f"/people/{bob.id}"),
        ("POST", f"/people/{alice.id}/disable"),
        ("POST", f"/people/{alice.id}/enable"),
        ("POST", f"/people/{alice.id}/reset-link"),
        ("POST", f"/people/{alice.id}/invitation"),
        ("GET", "/people/rights"),
        ("POST", "/people/rights"),
        ("GET", "/people/999999"),
    ]
    # Managers open the list, to note who is away.
    for user, refused in ((bob, paths), (dora, paths[1:])):
        somebody = client_of(user)
        for method, path in refused:
            answer = somebody.open(path, method=method, data=EVA)
            assert answer.status_code == 403, f"{method} {path} for {user.name}"
    assert fresh(alice).active
    assert not db.session.scalars(db.select(User).where(User.email == EVA["email"])).all()


def test_it_finds_nobody_at_an_unknown_number(browser: FlaskClient) -> None:
    assert browser.get("/people/999999").status_code == 404
    assert browser.post("/people/999999/disable").status_code == 404


@pytest.mark.parametrize("field", ["fs_uniquifier", "password", "active", "id"])
def test_it_ignores_fields_that_no_form_has(client_of: Browser, bob: User, field: str) -> None:
    before = (bob.fs_uniquifier, bob.password, bob.active, bob.id, bob.role, bob.extension)
    data = {"name": "Bob", "language": "pt", field: "1", "role": "admin", "extension": "999"}
    assert client_of(bob).post("/account", data=data).status_code == 303
    bob = fresh(bob)
    assert (
        bob.fs_uniquifier, bob.password, bob.active, bob.id, bob.role, bob.extension
    ) == before  # fmt: skip
    assert bob.language == "pt"


def test_it_ends_the_live_messages_of_a_disabled_user(
    browser: FlaskClient, bob: User, carol: User, bus_url: str
) -> None:
    with redis.Redis.from_url(bus_url) as bus, bus.pubsub() as ear:
        ear.subscribe(channel_of(bob.id), channel_of(carol.id))
        for _ in range(2):
            assert ear.get_message(timeout=30)
        browser.post(f"/people/{bob.id}/disable")
        heard = ear.get_message(timeout=30)
        assert heard
        assert heard["channel"] == channel_of(bob.id).encode()
        assert ear.get_message(timeout=0.2) is None


@pytest.mark.parametrize("address", ["eva@firma.local", "eva@nas"])
def test_it_invites_to_an_address_of_the_offices_own_network(
    alice: User, client_of: Callable[[User], FlaskClient], address: str
) -> None:
    answer = client_of(alice).post("/people/new", data={**EVA, "email": address})
    assert answer.status_code == 200
    assert (
        db.session.scalars(db.select(User).where(User.email == address)).one().name == EVA["name"]
    )
