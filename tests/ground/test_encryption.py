"""Secrets at rest open only with the key that locked them."""

import pytest

from crm_app.encryption import Vault, WrongKeyError


def test_it_gives_back_what_was_locked() -> None:
    vault = Vault("one key")
    assert vault.unlock(vault.lock("0f1e2d3c4b5a")) == "0f1e2d3c4b5a"


def test_it_does_not_show_the_secret_in_what_it_keeps() -> None:
    vault = Vault("one key")
    assert "0f1e2d3c4b5a" not in vault.lock("0f1e2d3c4b5a")
    assert vault.lock("same") != vault.lock("same")


def test_it_says_what_to_do_when_the_key_has_changed() -> None:
    locked = Vault("one key").lock("secret")
    with pytest.raises(WrongKeyError, match="SECRET_KEY has changed"):
        Vault("another key").unlock(locked)
