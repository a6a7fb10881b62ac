"""A second factor: codes of an app, recovery codes, who must have one, and its reset."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask, url_for
from flask.testing import FlaskClient
from passlib.totp import TOTP
from werkzeug.test import TestResponse

from crm_app import clock
from crm_app.accounts import links, services
from crm_app.accounts.models import FactorPolicy, LinkPurpose, OfficeSettings, Role, User
from crm_app.accounts.people.commands import user_cli
from crm_app.accounts.second_factor import services as factors
from crm_app.accounts.second_factor.models import AuthenticatorApp, Passkey, RecoveryCode
from crm_app.accounts.sign_in.factor_gate import ALWAYS_OPEN, GIVES_MORE
from crm_app.accounts.sign_in.proof import WANTED_HEADER
from crm_app.demo import make_user
from crm_app.encryption import KeyRing, Vault
from crm_app.extensions import db
from crm_app.keys import services as keys
from crm_app.security.models import SecurityEvent
from crm_app.web.access import is_public

PASSWORD = "tres tigres tristes"
STEP = "/login/second-factor"
OWN = "/account/second-factor"
ClientOf = Callable[[User], FlaskClient]
NOON = clock.now().replace(hour=12, minute=0, second=15, microsecond=0)


@pytest.fixture(autouse=True)
def traveller() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def vault(app: Flask) -> Vault:
    found: Vault = app.extensions["vault"]
    return found


@pytest.fixture
def eva(app: Flask) -> User:
    return make_user("Eva", email="eva@example.com", password=PASSWORD)


def set_up(user: User, vault: Vault) -> tuple[TOTP, list[str]]:
    """Set an app up for a user; gives its key and the recovery codes."""
    factors.begin_app(user, vault)
    key = factors.key_to_show(user, vault)
    assert key is not None
    codes = factors.confirm_app(user, vault, code_of(key))
    # As if it had been set up long ago: no code was used yet.
    row = factors.app_of(user)
    assert row is not None
    row.last_counter = 1
    db.session.commit()
    return key, codes


def code_of(key: TOTP, seconds: int = 0) -> str:
    """What the app shows now, or some seconds from now."""
    return str(key.generate(time=clock.now() + timedelta(seconds=seconds)).token)


def give_password(browser: FlaskClient, **values: str) -> TestResponse:
    return browser.post("/login", data={"email": "eva@example.com", "password": PASSWORD, **values})


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/account").status_code == 200


def events_of(user: User) -> list[str]:
    found = db.session.scalars(
        db.select(SecurityEvent).where(SecurityEvent.about_id == user.id).order_by(SecurityEvent.id)
    )
    return [f"{event.kind} {event.detail}".strip() for event in found]


def demand(policy: FactorPolicy) -> None:
    """Let a policy ask for second factors."""
    office = OfficeSettings.current()
    office.second_factor_for = policy
    db.session.add(office)
    db.session.commit()


# Signing in


def test_the_right_password_alone_signs_nobody_in(
    eva: User, vault: Vault, visitor: FlaskClient
) -> None:
    set_up(eva, vault)
    answer = give_password(visitor)
    assert (answer.status_code, answer.location) == (303, STEP)
    assert not is_signed_in(visitor)
    page = visitor.get(STEP).text
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    assert eva.name not in page


def test_the_code_signs_in_and_leads_to_the_page_that_was_asked_for(
    eva: User, vault: Vault, visitor: FlaskClient
) -> None:
    key, _codes = set_up(eva, vault)
    asked = visitor.get("/account", headers={"Accept": "text/html"})
    step = visitor.post(asked.location, data={"email": eva.email, "password": PASSWORD})
    assert step.location == f"{STEP}?next=/account"
    answer = visitor.post(step.location, data={"code": code_of(key)})
    assert (answer.status_code, answer.location) == (303, "/account")
    assert is_signed_in(visitor)
    assert "signed_in authenticator" in events_of(eva)


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_the_code_leads_to_no_other_site(
    eva: User, vault: Vault, visitor: FlaskClient, target: str
) -> None:
    key, _codes = set_up(eva, vault)
    give_password(visitor)
    data = {"code": code_of(key)}
    answer = visitor.post(STEP, query_string={"next": target}, data=data)
    assert answer.location == "/"


@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_a_clock_may_be_half_a_minute_wrong(
    eva: User, vault: Vault, visitor: FlaskClient, seconds: int
) -> None:
    key, _codes = set_up(eva, vault)
    give_password(visitor)
    code = code_of(key, seconds)
    assert visitor.post(STEP, data={"code": f"{code[:3]} {code[3:]}"}).status_code == 303
    assert is_signed_in(visitor)


@pytest.mark.parametrize("seconds", [-60, 60, 86_400])
def test_a_code_of_another_time_is_refused(
    eva: User, vault: Vault, visitor: FlaskClient, seconds: int
) -> None:
    key, _codes = set_up(eva, vault)
    give_password(visitor)
    answer = visitor.post(STEP, data={"code": code_of(key, seconds)})
    assert answer.status_code == 422
    assert "This code is wrong" in answer.text
    assert not is_signed_in(visitor)


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "１２３４５６", "1" * 30, "\x00"])
def test_what_is_no_code_is_refused(
    eva: User, vault: Vault, visitor: FlaskClient, code: str
) -> None:
    set_up(eva, vault)
    give_password(visitor)
    assert visitor.post(STEP, data={"code": code}).status_code == 422
    assert not is_signed_in(visitor)


def test_a_code_works_once(eva: User, vault: Vault, app: Flask) -> None:
    key, _codes = set_up(eva, vault)
    first, second = app.test_client(), app.test_client()
    code, older = code_of(key), code_of(key, -30)
    for browser in (first, second):
        give_password(browser)
    assert first.post(STEP, data={"code": code}).status_code == 303
    assert second.post(STEP, data={"code": code}).status_code == 422
    # Nor does one that is older than the last that was used.
    assert second.post(STEP, data={"code": older}).status_code == 422
    assert not is_signed_in(second)
    assert second.post(STEP, data={"code": code_of(key, 30)}).status_code == 303


@pytest.mark.parametrize("remember", ["y", ""])
def test_the_choice_to_stay_signed_in_survives(
    eva: User, vault: Vault, visitor: FlaskClient, remember: str
) -> None:
    key, _codes = set_up(eva, vault)
    give_password(visitor, **({"remember": remember} if remember else {}))
    visitor.post(STEP, data={"code": code_of(key)})
    visitor.delete_cookie("session")
    assert is_signed_in(visitor) is bool(remember)


def test_nobody_comes_to_the_second_step_without_the_password(
    eva: User, vault: Vault, visitor: FlaskClient
) -> None:
    key, codes = set_up(eva, vault)
    for data in ({}, {"code": code_of(key)}, {"code": codes[0]}):
        answer = visitor.post(STEP, data=data)
        assert (answer.status_code, answer.location) == (303, "/login")
    assert not is_signed_in(visitor)


def test_the_second_step_ends_after_ten_minutes_and_with_the_sessions(
    eva: User, vault: Vault, app: Flask, traveller: time_machine.Traveller
) -> None:
    key, _codes = set_up(eva, vault)
    slow, revoked = app.test_client(), app.test_client()
    give_password(slow)
    traveller.shift(timedelta(minutes=10, seconds=1))
    assert slow.post(STEP, data={"code": code_of(key)}).location == "/login"
    give_password(revoked)
    services.end_sessions(eva)
    db.session.commit()
    assert revoked.post(STEP, data={"code": code_of(key)}).location == "/login"


def test_the_sign_in_page_leads_back_to_the_second_step_and_begins_again_when_asked(
    eva: User, vault: Vault, visitor: FlaskClient
) -> None:
    set_up(eva, vault)
    give_password(visitor)
    assert visitor.get("/login?next=/account").location == f"{STEP}?next=/account"
    # The box over an open page fetches the form, and must find it.
    assert visitor.get("/login", headers={"Sec-Fetch-Mode": "cors"}).status_code == 200
    assert visitor.get("/login?again=1").status_code == 200
    assert visitor.get("/login").status_code == 200


def test_guessing_codes_is_counted_together_with_passwords(
    eva: User, vault: Vault, visitor: FlaskClient, traveller: time_machine.Traveller
) -> None:
    key, _codes = set_up(eva, vault)
    give_password(visitor)
    for _ in range(9):
        assert visitor.post(STEP, data={"code": "000000"}).status_code == 422
    # Neither the right code nor beginning again with the password helps.
    answer = visitor.post(STEP, data={"code": code_of(key)})
    assert answer.status_code == 429
    assert "Too many tries." in answer.text
    assert give_password(visitor).status_code == 429
    traveller.shift(timedelta(minutes=16))
    give_password(visitor)
    assert visitor.post(STEP, data={"code": code_of(key)}).status_code == 303


def test_a_sign_in_is_forgiven_both_its_tries(eva: User, vault: Vault, app: Flask) -> None:
    key, _codes = set_up(eva, vault)
    row = factors.app_of(eva)
    assert row is not None
    for _ in range(12):
        browser = app.test_client()
        give_password(browser)
        assert browser.post(STEP, data={"code": code_of(key)}).status_code == 303
        row.last_counter = 1
        db.session.commit()


def test_a_wrong_code_is_written_down(
    eva: User, vault: Vault, visitor: FlaskClient, app: Flask
) -> None:
    set_up(eva, vault)
    give_password(visitor)
    visitor.post(STEP, data={"code": "000000"})
    db.session.remove()
    app.extensions["security_refusals"].write()
    assert "second_factor_wrong" in events_of(eva)


@pytest.mark.parametrize("purpose", [LinkPurpose.RESET])
def test_a_one_time_link_does_not_skip_the_second_factor(
    eva: User, vault: Vault, visitor: FlaskClient, purpose: LinkPurpose
) -> None:
    key, _codes = set_up(eva, vault)
    token = services.reset_token(eva, None)
    db.session.commit()
    path = links.path(purpose, token)
    answer = visitor.post(path, data={"password": "sete baleias azuis nadam"})
    assert (answer.status_code, answer.location) == (303, STEP)
    assert not is_signed_in(visitor)
    assert visitor.post(STEP, data={"code": code_of(key)}).status_code == 303
    assert is_signed_in(visitor)


# Recovery codes


def test_a_recovery_code_signs_in_once(eva: User, vault: Vault, app: Flask) -> None:
    _key, codes = set_up(eva, vault)
    assert len(set(codes)) == 10
    stored = set(db.session.scalars(db.select(RecoveryCode.code_hash)))
    assert not stored & set(codes)
    first, second = app.test_client(), app.test_client()
    for browser in (first, second):
        give_password(browser)
    sent = {"code": f" {codes[3].upper().replace('-', ' ')} "}
    assert first.post(f"{STEP}?with=recovery", data=sent).status_code == 303
    assert is_signed_in(first)
    assert second.post(f"{STEP}?with=recovery", data=sent).status_code == 422
    assert not is_signed_in(second)
    assert "9 codes are left." in first.get(OWN).text
    assert "recovery_code_used" in events_of(eva)


def test_nobody_elses_recovery_code_works(
    eva: User, bob: User, vault: Vault, visitor: FlaskClient
) -> None:
    set_up(eva, vault)
    _key, codes = set_up(bob, vault)
    give_password(visitor)
    assert visitor.post(f"{STEP}?with=recovery", data={"code": codes[0]}).status_code == 422
    assert factors.recovery_codes_left(bob) == 10


def test_new_recovery_codes_end_the_old_ones_and_are_shown_once(
    eva: User, vault: Vault, client_of: ClientOf
) -> None:
    _key, old = set_up(eva, vault)
    browser = client_of(eva)
    page = browser.post(f"{OWN}/recovery-codes").text
    new = re.findall(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b", page)
    assert len(new) == 10
    assert not factors.use_recovery_code(eva, old[0])
    assert factors.use_recovery_code(eva, new[0])
    db.session.commit()
    assert new[1] not in browser.get(OWN).text


# Setting up and removing


def test_an_app_counts_from_its_first_right_code_on(
    eva: User, vault: Vault, client_of: ClientOf, visitor: FlaskClient
) -> None:
    browser = client_of(eva)
    assert browser.post(f"{OWN}/app").location == f"{OWN}/app"
    page = browser.get(f"{OWN}/app").text
    key = factors.key_to_show(eva, vault)
    assert key is not None
    assert key.pretty_key(sep=" ") in page
    assert give_password(visitor).location == "/"
    wrong = browser.post(f"{OWN}/app/confirm", data={"code": "000000"})
    assert wrong.status_code == 422
    assert key.pretty_key(sep=" ") in wrong.text
    assert not eva.has_second_factor
    right = browser.post(f"{OWN}/app/confirm", data={"code": code_of(key)})
    assert "Your recovery codes" in right.text
    db.session.refresh(eva)
    assert eva.has_second_factor
    assert "second_factor_added authenticator" in events_of(eva)
    assert "A second factor was added to your account." in browser.get("/account").text
    # Never shown again.
    assert browser.get(f"{OWN}/app").location == OWN
    assert browser.get(f"{OWN}/app/picture.svg").status_code == 404


def test_the_key_is_a_picture_too_which_no_cache_keeps(
    eva: User, vault: Vault, client_of: ClientOf
) -> None:
    browser = client_of(eva)
    browser.post(f"{OWN}/app")
    answer = browser.get(f"{OWN}/app/picture.svg")
    assert answer.mimetype == "image/svg+xml"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<path" in answer.text
    assert "style=" not in answer.text


def test_another_app_takes_the_place_of_the_first_only_when_it_is_confirmed(
    eva: User, vault: Vault, client_of: ClientOf
) -> None:
    old, _codes = set_up(eva, vault)
    browser = client_of(eva)
    browser.post(f"{OWN}/app")
    new = factors.key_to_show(eva, vault)
    assert new is not None
    assert factors.check_code(eva, vault, code_of(old, -30))
    answer = browser.post(f"{OWN}/app/confirm", data={"code": code_of(new)})
    assert answer.location == OWN
    assert not factors.check_code(eva, vault, code_of(old, 30))
    assert factors.check_code(eva, vault, code_of(new, 30))
    assert factors.recovery_codes_left(eva) == 10


def test_the_secret_is_nowhere_in_plain_text(eva: User, vault: Vault) -> None:
    key, _codes = set_up(eva, vault)
    row = db.session.execute(db.select(AuthenticatorApp.__table__)).one()
    assert key.base32_key not in str(row)
    assert key.base32_key == vault.decrypt(row.secret_encrypted)


def test_removing_the_last_factor_forgets_the_recovery_codes(
    eva: User, vault: Vault, client_of: ClientOf, visitor: FlaskClient
) -> None:
    set_up(eva, vault)
    assert client_of(eva).post(f"{OWN}/app/remove").location == OWN
    assert db.session.scalar(db.select(RecoveryCode.id).limit(1)) is None
    assert "second_factor_removed authenticator" in events_of(eva)
    assert give_password(visitor).location == "/"


def test_the_last_factor_stays_while_the_office_asks_for_one(
    eva: User, vault: Vault, client_of: ClientOf
) -> None:
    set_up(eva, vault)
    demand(FactorPolicy.EVERYBODY)
    browser = client_of(eva)
    browser.post(f"{OWN}/app/remove")
    assert factors.has_app(eva)
    assert "this is your last one" in browser.get(OWN).text


@pytest.mark.parametrize(
    "path",
    ["app", "app/confirm", "app/remove", "recovery-codes", "passkeys", "passkeys/1/remove"],
)
def test_a_change_wants_a_fresh_proof(
    eva: User, vault: Vault, client_of: ClientOf, traveller: time_machine.Traveller, path: str
) -> None:
    set_up(eva, vault)
    browser = client_of(eva)
    traveller.shift(timedelta(minutes=11))
    assert WANTED_HEADER in browser.post(f"{OWN}/{path}").headers
    assert factors.has_app(eva)


# Who must have one


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        (FactorPolicy.NOBODY, []),
        (FactorPolicy.ADMINS, [Role.ADMIN]),
        (FactorPolicy.MANAGERS, [Role.ADMIN, Role.MANAGER]),
        (FactorPolicy.EVERYBODY, [Role.ADMIN, Role.MANAGER, Role.AGENT]),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_who_must_have_a_second_factor_sets_it_up_first(
    app: Flask, vault: Vault, policy: FactorPolicy, asked: list[Role], role: Role
) -> None:
    user = make_user("Eva", email="eva@example.com", role=role, password=PASSWORD)
    demand(policy)
    browser = app.test_client()
    give_password(browser)
    answer = browser.get("/account")
    assert answer.location == (OWN if role in asked else None)
    if role in asked:
        assert "Set up an authenticator app or a passkey to go on." in browser.get(OWN).text
        browser.post(f"{OWN}/app")
        key = factors.key_to_show(user, vault)
        assert key is not None
        browser.post(f"{OWN}/app/confirm", data={"code": code_of(key)})
        assert is_signed_in(browser)


def test_nothing_else_can_be_reached_before(alice: User, app: Flask, client_of: ClientOf) -> None:
    demand(FactorPolicy.ADMINS)
    browser, walked, reached = client_of(alice), 0, set()
    for rule in app.url_map.iter_rules():
        if is_public(rule.endpoint) and rule.endpoint not in GIVES_MORE:
            continue
        if rule.endpoint in ALWAYS_OPEN:
            continue
        with app.test_request_context():
            path = url_for(rule.endpoint, **dict.fromkeys(rule.arguments, 1))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            # What one request remembers of the office is not another one's.
            db.session.remove()
            answer = browser.open(path, method=method)
            walked += 1
            is_led = answer.status_code == 403 or answer.headers.get("Location") == OWN
            if not is_led:
                reached.add(rule.endpoint)
    assert walked > 50
    assert reached <= {
        "accounts.second_factor",
        "accounts.begin_app",
        "accounts.show_app",
        "accounts.app_picture",
        "accounts.confirm_app",
        "accounts.new_passkey_options",
        "accounts.add_passkey",
        "accounts.here",
        "accounts.prove",
    }
    assert browser.get("/contacts", headers={"HX-Request": "true"}).headers["HX-Redirect"] == OWN
    assert browser.post("/logout").status_code in {302, 303}


def test_the_policy_stands_on_the_page_of_rights(alice: User, client_of: ClientOf) -> None:
    typed = {"name": "Casa", "second_factor_for": "managers"}
    assert client_of(alice).post("/people/rights", data=typed).status_code == 303
    db.session.expire_all()
    assert db.session.scalar(db.select(OfficeSettings.second_factor_for)) == "managers"


# The way back


def test_an_administrators_reset_forgets_everything_and_signs_out(
    alice: User, eva: User, vault: Vault, client_of: ClientOf, visitor: FlaskClient
) -> None:
    set_up(eva, vault)
    db.session.add(
        Passkey(user_id=eva.id, credential_id="x", public_key="y", user_handle="z", name="Laptop")
    )
    db.session.commit()
    theirs = client_of(eva)
    assert "Reset second factor" in client_of(alice).get(f"/people/{eva.id}").text
    answer = client_of(alice).post(f"/people/{eva.id}/reset-second-factor")
    assert answer.location == f"/people/{eva.id}"
    for table in (AuthenticatorApp, Passkey, RecoveryCode):
        assert db.session.scalar(db.select(table.id).limit(1)) is None
    assert not is_signed_in(theirs)
    assert "second_factor_reset" in events_of(eva)
    assert give_password(visitor).location == "/"
    assert "Your second factors were reset." in visitor.get("/account").text


def test_an_administrator_does_not_reset_their_own(
    alice: User, vault: Vault, client_of: ClientOf
) -> None:
    set_up(alice, vault)
    client_of(alice).post(f"/people/{alice.id}/reset-second-factor")
    assert factors.has_app(alice)


def test_only_administrators_reset(
    eva: User, dora: User, vault: Vault, client_of: ClientOf
) -> None:
    set_up(eva, vault)
    answer = client_of(dora).post(f"/people/{eva.id}/reset-second-factor")
    assert answer.status_code == 403
    assert factors.has_app(eva)


def test_an_operator_resets_at_a_terminal(eva: User, vault: Vault, app: Flask) -> None:
    set_up(eva, vault)
    run = app.test_cli_runner().invoke
    result = run(user_cli, ["reset-second-factor", "Eva@example.com"])
    assert result.exit_code == 0, result.output
    assert "signs in with the password alone" in result.output
    db.session.refresh(eva)
    assert not eva.has_second_factor
    assert not factors.has_app(eva)
    nobody = run(user_cli, ["reset-second-factor", "nobody@example.com"])
    assert (nobody.exit_code, "nobody has the e-mail" in nobody.output) == (1, True)


def test_factors_go_on_working_after_the_secret_key_was_exchanged(eva: User, app: Flask) -> None:
    old, new = KeyRing(["old"]), KeyRing(["new", "old"])
    key, codes = set_up(eva, Vault(old))
    keys.check(old)
    done = keys.encrypt_with_newest(new)
    assert "authenticator_app.secret_encrypted" in str(done)
    db.session.expire_all()
    assert factors.check_code(eva, Vault(KeyRing(["new"])), code_of(key))
    assert factors.use_recovery_code(eva, codes[0])


def test_a_lost_secret_key_costs_the_app_and_leaves_the_recovery_codes(
    eva: User, app: Flask, visitor: FlaskClient
) -> None:
    key, codes = set_up(eva, Vault(KeyRing(["lost"])))
    keys.check(KeyRing(["lost"]))
    keys.adopt(KeyRing(["new"]))
    db.session.expire_all()
    assert give_password(visitor).location == STEP
    assert visitor.post(STEP, data={"code": code_of(key)}).status_code == 422
    assert visitor.post(STEP, data={"code": codes[0]}).status_code == 303
