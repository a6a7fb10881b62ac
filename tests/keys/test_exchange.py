"""The key can be exchanged, and a database knows which key it was made with."""

import base64
import hmac

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_security import hash_password

from crm_app.accounts.models import User
from crm_app.accounts.passwords import hashing
from crm_app.config import Config
from crm_app.demo import make_user
from crm_app.encryption import KeyRing, Vault
from crm_app.extensions import db
from crm_app.keys import services
from crm_app.keys.models import KeyState
from crm_app.keys.services import OtherKeyError
from crm_app.telephony import services as telephony
from crm_app.telephony.models import TelephonySettings

KEY, SECRET = "a1b2c3d4e5f6a7b8c9d0", "0f1e2d3c4b5a69788796"
PASSWORD = "correct horse battery"


def make_former_hash(user: User, secret_key: str) -> None:
    """Store a password as release 0.2.0 did: mixed with the secret key, then hashed."""
    pepper = services.former_pepper(secret_key)
    mixed = hmac.digest(pepper.encode(), PASSWORD.encode(), "sha512")
    user.password = hash_password(base64.b64encode(mixed).decode())
    user.has_former_hash = True
    db.session.commit()


@pytest.fixture
def eva(app: Flask) -> User:
    """Somebody whose password was hashed by an earlier release."""
    user = make_user("Eva Lopes")
    make_former_hash(user, app.extensions["settings"].secret_keys[0])
    return user


def sign_in(visitor: FlaskClient, user: User) -> int:
    """Sign in with the password; give the status."""
    answer = visitor.post("/login", data={"email": user.email, "password": PASSWORD})
    return answer.status_code


def test_the_first_start_notes_the_key_and_another_one_alone_is_refused(app: Flask) -> None:
    assert services.check(KeyRing(["one"])) is False
    with pytest.raises(OtherKeyError, match="made with another key") as refusal:
        services.check(KeyRing(["two"]))
    assert "\n" not in str(refusal.value)
    assert "SECRET_KEY_FALLBACKS" in str(refusal.value)
    assert services.check(KeyRing(["two", "one"])) is True


def test_a_database_of_an_earlier_release_is_refused_when_its_secrets_cannot_be_read(
    app: Flask,
) -> None:
    telephony.save_keys(KEY, SECRET, Vault(KeyRing(["old"])))
    db.session.commit()
    with pytest.raises(OtherKeyError):
        services.check(KeyRing(["new"]))
    assert services.check(KeyRing(["old"])) is False


def test_a_key_made_a_moment_ago_cannot_be_that_of_old_passwords(eva: User) -> None:
    with pytest.raises(OtherKeyError):
        services.check(KeyRing(["new"]), is_new_key=True)
    assert KeyState.find() is None


def test_everything_is_encrypted_with_the_newest_key_and_the_old_one_is_not_needed(
    app: Flask,
) -> None:
    telephony.save_keys(KEY, SECRET, Vault(KeyRing(["old"])))
    db.session.commit()
    services.check(KeyRing(["old"]))
    done = services.encrypt_with_newest(KeyRing(["new", "old"]))
    assert (
        str(done)
        == "1 in telephony_settings.key_encrypted, 1 in telephony_settings.secret_encrypted"
    )
    stored = TelephonySettings.current()
    db.session.refresh(stored)
    assert stored.keys(Vault(KeyRing(["new"]))) == (KEY, SECRET)
    assert services.check(KeyRing(["new"])) is False
    assert not services.encrypt_with_newest(KeyRing(["new"])).counts


def test_every_encrypted_column_is_found_by_its_mark(app: Flask) -> None:
    found = {f"{table.name}.{column.name}" for table, column in services.encrypted_columns()}
    assert {"telephony_settings.key_encrypted", "telephony_settings.secret_encrypted"} <= found


def test_a_lost_key_costs_what_was_encrypted_and_no_password(app: Flask) -> None:
    user = make_user("Rui", password=PASSWORD)
    telephony.save_keys(KEY, SECRET, Vault(KeyRing(["lost"])))
    db.session.commit()
    services.check(KeyRing(["lost"]))
    forgotten, locked_out = services.adopt(KeyRing(["new"]))
    assert forgotten.counts.total() == 2
    assert locked_out == 0
    assert services.check(KeyRing(["new"])) is False
    db.session.expire_all()
    assert not TelephonySettings.current().is_connected
    assert hashing.matches(PASSWORD, user.password)


def test_a_password_of_an_earlier_release_works_and_is_hashed_alone_at_the_next_sign_in(
    eva: User, visitor: FlaskClient
) -> None:
    assert sign_in(visitor, eva) == 303
    db.session.refresh(eva)
    assert not eva.has_former_hash
    assert hashing.matches(PASSWORD, eva.password)


def test_a_password_of_an_earlier_release_works_when_its_key_is_gone(
    eva: User, app: Flask, settings: Config, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.check(settings.key_ring)
    services.encrypt_with_newest(KeyRing(["a new key", *settings.secret_keys]))
    only_new = settings.model_copy(update={"secret_key": "a new key"})
    only_new.__dict__.pop("secret_keys", None)
    monkeypatch.setitem(app.extensions, "settings", only_new)
    assert sign_in(visitor, eva) == 303


def test_a_wrong_password_stays_wrong_for_a_former_hash(eva: User, visitor: FlaskClient) -> None:
    answer = visitor.post("/login", data={"email": eva.email, "password": PASSWORD + "x"})
    assert answer.status_code == 422
    db.session.refresh(eva)
    assert eva.has_former_hash


def test_a_former_password_is_right_where_it_is_asked_for_again(
    eva: User, app: Flask, visitor: FlaskClient
) -> None:
    browser = app.test_client(user=eva)
    answer = browser.post(
        "/account/password", data={"current": PASSWORD, "password": "entirely new words"}
    )
    assert answer.status_code == 303
    db.session.refresh(eva)
    assert not eva.has_former_hash


def test_what_former_hashes_needed_is_forgotten_with_the_last_of_them(
    eva: User, settings: Config, visitor: FlaskClient
) -> None:
    services.check(settings.key_ring)
    services.forget_peppers()
    state = KeyState.find()
    assert state is not None
    assert len(state.former_peppers) == 1
    sign_in(visitor, eva)
    services.forget_peppers()
    db.session.refresh(state)
    assert state.former_peppers == []
