"""Browsers are told to stay on TLS where Ramal is reached over it, and only with Ramal's host."""

from collections.abc import Iterator

import pytest
from flask import Flask

from crm_app import create_app
from crm_app.config import Config
from crm_app.extensions import db


@pytest.fixture
def over_tls(settings: Config) -> Iterator[Flask]:
    """The office behind a proxy that speaks TLS."""
    office = create_app(settings.model_copy(update={"public_url": "https://crm.example.com"}))
    yield office
    with office.app_context():
        db.engine.dispose()


def test_it_speaks_for_its_own_host_only(over_tls: Flask) -> None:
    answer = over_tls.test_client().get("/login", base_url="https://crm.example.com")
    told = answer.headers["Strict-Transport-Security"]
    assert told.startswith("max-age=")
    assert "includeSubDomains" not in told
