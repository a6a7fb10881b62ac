"""Secrets at rest open only with the keys that are known, and each purpose has a key of its own."""

import base64

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crm_app.encryption import KeyRing, Purpose, Vault, WrongKeyError


def test_it_gives_back_what_was_encrypted() -> None:
    vault = Vault(KeyRing(["one key"]))
    assert vault.decrypt(vault.encrypt("0f1e2d3c4b5a")) == "0f1e2d3c4b5a"


def test_it_does_not_show_the_secret_in_what_it_keeps() -> None:
    vault = Vault(KeyRing(["one key"]))
    assert "0f1e2d3c4b5a" not in vault.encrypt("0f1e2d3c4b5a")
    assert vault.encrypt("same") != vault.encrypt("same")


def test_it_says_what_to_do_when_the_key_has_changed() -> None:
    encrypted = Vault(KeyRing(["one key"])).encrypt("secret")
    with pytest.raises(WrongKeyError, match="SECRET_KEY has changed"):
        Vault(KeyRing(["another key"])).decrypt(encrypted)


def test_it_reads_what_an_older_key_encrypted_and_writes_with_the_newest() -> None:
    old, both = Vault(KeyRing(["old"])), Vault(KeyRing(["new", "old"]))
    encrypted = old.encrypt("secret")
    assert both.decrypt(encrypted) == "secret"
    assert not both.is_current(encrypted)
    assert both.is_current(both.encrypt("secret"))
    assert Vault(KeyRing(["new"])).decrypt(both.encrypt("secret")) == "secret"


def test_it_reads_what_an_earlier_release_encrypted() -> None:
    derived = HKDF(
        algorithm=hashes.SHA256(), length=32, salt=None, info=b"ramal: secrets at rest"
    ).derive(b"one key")
    former = Fernet(base64.urlsafe_b64encode(derived)).encrypt(b"secret").decode()
    vault = Vault(KeyRing(["new", "one key"]))
    assert vault.decrypt(former) == "secret"
    assert not vault.is_current(former)


def test_it_reads_the_keys_again_when_another_process_has_exchanged_them() -> None:
    rings = [KeyRing(["new"])]
    vault = Vault(KeyRing(["old"]), rings.pop)
    assert vault.decrypt(Vault(KeyRing(["new"])).encrypt("secret")) == "secret"
    assert not rings


def test_each_purpose_has_a_key_of_its_own_and_none_is_the_secret_key() -> None:
    ring = KeyRing(["a key that is long enough for everybody"])
    derived = [ring.derive(purpose) for purpose in Purpose]
    assert len({*derived, *ring.secret_keys, ring.id}) == len(Purpose) + 2


def test_a_key_that_is_named_twice_is_tried_once() -> None:
    assert KeyRing(["new", "old", "new"]).secret_keys == ("new", "old")
