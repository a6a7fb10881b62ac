"""Users are invited, changed and disabled, and an office is never left without administrator."""

import pytest
import time_machine
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts import links, rights, services
from crm_app.accounts.models import AccountLink, LinkPurpose, OfficeSettings, Role, User
from crm_app.accounts.passwords import hashing, rules
from crm_app.accounts.rights import Reach, Verb
from crm_app.demo import make_user
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry


def code_of(caught: pytest.ExceptionInfo[InvalidInputError]) -> tuple[str, str]:
    return caught.value.code, caught.value.field


def test_it_creates_a_user_with_a_lower_case_email(app, alice: User) -> None:
    user = services.create_user(" Eva@Example.COM ", "Eva", extension="104", by=alice)
    assert (user.email, user.extension, user.role) == ("eva@example.com", "104", Role.AGENT)
    entry = db.session.scalars(JournalEntry.of("user", user.id)).one()
    assert (entry.action, entry.user_id) == ("created", alice.id)
    assert entry.shown["extension"] == [None, "104"]


def test_it_refuses_an_email_that_somebody_has(alice: User) -> None:
    with pytest.raises(InvalidInputError) as caught:
        services.create_user(alice.email.upper(), "Another")
    assert code_of(caught) == ("email_taken", "email")


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "name_empty"), (" \x00 ", "name_empty"), ("E" * 121, "name_long")],
)
def test_it_refuses_what_is_no_name(bob: User, name: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        services.create_user("eva@example.com", name)
    assert code_of(caught) == (code, "name")
    with pytest.raises(InvalidInputError) as caught:
        services.change_user(
            bob, None, name=name, email=bob.email, role=Role.AGENT, extension="101"
        )
    assert code_of(caught) == (code, "name")
    assert bob.name == "Bob Agent"


@pytest.mark.parametrize("extension", ["1", "12", "099", "123456", "abc", "10 1", "١٠١"])
def test_it_refuses_what_is_no_extension(bob: User, extension: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        services.set_extension(bob, extension)
    assert code_of(caught) == ("extension_invalid", "extension")
    assert bob.extension == "101"


def test_it_refuses_an_extension_that_somebody_has(bob: User, carol: User) -> None:
    with pytest.raises(InvalidInputError) as caught:
        services.set_extension(carol, "101")
    assert code_of(caught) == ("extension_taken", "extension")
    assert carol.extension is None


def test_it_lets_the_database_say_who_was_first(bob: User, carol: User, monkeypatch) -> None:
    look = services._refuse_taken
    looks = []

    def look_too_early(user: User, values: dict[str, object]) -> None:
        looks.append(values)
        if len(looks) > 1:
            look(user, values)

    monkeypatch.setattr(services, "_refuse_taken", look_too_early)
    with pytest.raises(InvalidInputError) as caught:
        services.set_extension(carol, "101")
    assert code_of(caught) == ("extension_taken", "extension")
    db.session.commit()
    assert carol.extension is None


def test_it_writes_a_changed_role_and_extension_into_the_journal(alice: User, bob: User) -> None:
    services.change_user(
        bob, alice, name=bob.name, email=bob.email, role=Role.MANAGER, extension="105"
    )
    entry = db.session.scalars(JournalEntry.of("user", bob.id)).one()
    assert entry.shown == {"role": ["agent", "manager"], "extension": ["101", "105"]}
    assert entry.user_id == alice.id


def test_it_frees_the_extension_and_ends_sessions_and_links_of_a_disabled_user(
    alice: User, bob: User, carol: User
) -> None:
    key, token = bob.fs_uniquifier, links.make(LinkPurpose.RESET, bob)
    services.disable(bob, alice)
    assert (bob.active, bob.extension) == (False, None)
    assert bob.fs_uniquifier != key
    with pytest.raises(InvalidInputError, match="link_used"):
        links.find(token, LinkPurpose.RESET)
    services.set_extension(carol, "101")
    services.enable(bob, alice)
    assert (bob.active, bob.extension) == (True, None)
    actions = [entry.action for entry in db.session.scalars(JournalEntry.of("user", bob.id))]
    assert actions == ["enabled", "disabled"]


def test_it_gives_no_extension_to_a_disabled_user(alice: User, bob: User) -> None:
    services.disable(bob, alice)
    with pytest.raises(InvalidInputError) as caught:
        services.set_extension(bob, "109")
    assert code_of(caught) == ("disabled", "extension")


def test_it_keeps_the_last_administrator(alice: User) -> None:
    make_user("Zoe", role=Role.ADMIN, active=False)
    with pytest.raises(InvalidInputError, match="last_admin"):
        services.disable(alice, None)
    with pytest.raises(InvalidInputError) as caught:
        services.change_user(
            alice, None, name="A", email=alice.email, role=Role.AGENT, extension=None
        )
    assert code_of(caught) == ("last_admin", "role")
    assert (alice.active, alice.role) == (True, Role.ADMIN)


def test_it_keeps_administrators_from_locking_themselves_out(alice: User) -> None:
    make_user("Zoe", role=Role.ADMIN)
    with pytest.raises(InvalidInputError, match="own_account"):
        services.disable(alice, alice)
    with pytest.raises(InvalidInputError, match="own_role"):
        services.change_user(
            alice, alice, name="A", email=alice.email, role=Role.MANAGER, extension=None
        )


def test_it_keeps_only_the_hash_of_a_link(alice: User) -> None:
    user, token = services.invite("eva@example.com", "Eva", role=Role.AGENT, by=alice)
    stored = db.session.scalars(select(AccountLink)).one()
    assert token not in stored.token_hash
    assert stored.user_id == user.id
    assert user.is_invited


def test_it_ends_the_older_invitation_when_a_new_one_is_made(alice: User) -> None:
    user, old = services.invite("eva@example.com", "Eva", role=Role.AGENT, by=alice)
    new = services.invite_again(user)
    with pytest.raises(InvalidInputError, match="link_used"):
        services.accept(old, LinkPurpose.INVITATION, "hash")
    assert services.accept(new, LinkPurpose.INVITATION, "hash") == user
    assert not user.is_invited
    with pytest.raises(InvalidInputError, match="not_invited"):
        services.invite_again(user)


def test_it_refuses_a_link_for_another_purpose_or_too_old(alice: User) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        _, token = services.invite("eva@example.com", "Eva", role=Role.AGENT, by=alice)
        with pytest.raises(InvalidInputError, match="link_unknown"):
            links.find(token, LinkPurpose.RESET)
        traveller.shift(links.LIFETIMES[LinkPurpose.INVITATION].total_seconds() - 1)
        assert links.find(token, LinkPurpose.INVITATION)
        traveller.shift(1)
        with pytest.raises(InvalidInputError, match="link_expired"):
            links.find(token, LinkPurpose.INVITATION)


def test_it_makes_a_setup_link_only_while_nobody_is_administrator(app) -> None:
    make_user("Old boss", role=Role.ADMIN, active=False)
    first = services.new_setup_token()
    token = services.new_setup_token()
    assert first
    assert token
    with pytest.raises(InvalidInputError, match="link_used"):
        services.check_setup(first)
    user = services.set_up(
        token, email="a@b.pt", name="Ana", password_hash="x", language="pt", timezone=""
    )
    assert (user.role, user.language, user.active) == (Role.ADMIN, "pt", True)
    with pytest.raises(InvalidInputError, match="link_used"):
        services.check_setup(token)
    assert services.new_setup_token() is None


def test_it_ends_the_setup_link_when_an_administrator_was_made_elsewhere(app) -> None:
    token = services.new_setup_token()
    make_user("Made by command", role=Role.ADMIN)
    assert token
    with pytest.raises(InvalidInputError, match="link_used"):
        services.check_setup(token)


def test_it_hides_others_records_from_agents_only_where_the_office_says_so(
    alice: User, bob: User, dora: User
) -> None:
    assert [rights.reach(user, Verb.VIEW) for user in (alice, bob, dora)] == [Reach.ALL] * 3
    services.change_office("Casa", restricts_agents=True, by=alice)
    db.session.commit()
    assert [rights.reach(user, Verb.VIEW) for user in (alice, bob, dora)] == [
        Reach.ALL,
        Reach.OWN,
        Reach.ALL,
    ]
    services.change_office("Casa", restricts_agents=False, by=alice)
    assert OfficeSettings.current().name == "Casa"
    assert rights.reach(bob, Verb.VIEW) is Reach.ALL


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_short"),
        ("123456789", "password_short"),
        ("a" * 300, "password_long"),
        ("eva.maria@example.com", "password_personal"),
        ("EvaMariaLopes", "password_personal"),
        ("Eva Maria Lopes1", "password_personal"),
        ("Password123!", "password_common"),
        ("123456789012", "password_common"),
        ("aaaaaaaaaaaa", "password_common"),
    ],
)
def test_it_refuses_a_weak_password(app, password: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rules.check(password, email="eva.maria@example.com", name="Eva Maria Lopes")
    assert code_of(caught) == (code, "password")


@pytest.mark.parametrize("password", ["café com leite", "tres tigres tristes", "Xk4!2lpQzzz9"])
def test_it_takes_any_long_password_and_knows_it_again(app, password: str) -> None:
    stored = hashing.make_hash(password, email="eva@example.com", name="Eva")
    assert stored.startswith("$argon2id$")
    assert hashing.matches(password, stored)
    assert not hashing.matches(password + "x", stored)
    assert not hashing.matches(password, None)
