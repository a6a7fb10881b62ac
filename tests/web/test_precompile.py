"""What a ringing client's card needs is compiled before the first one rings."""

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from crm_app import create_app
from crm_app.calls.popups.tray import rehearse
from crm_app.config import Config
from crm_app.serving.processes import gunicorn_conf
from crm_app.web.display.precompile import load_ahead


def test_a_cards_templates_are_compiled_with_all_they_include(settings: Config) -> None:
    office: Flask = create_app(settings)
    load_ahead(office.jinja_env, gunicorn_conf.CARD)
    assert office.jinja_env.cache is not None
    compiled = {name for _loader, name in office.jinja_env.cache}
    assert {"calls/_popup.html", "calls/_popup_who.html", "_ui/parts.html"} <= compiled


def test_a_rehearsal_without_a_database_does_no_harm(settings: Config) -> None:
    nowhere = f"postgresql+psycopg://nobody@/nothing?host={settings.data_dir}"
    office = create_app(settings.model_copy(update={"database_url": nowhere}))
    gunicorn_conf._rehearse_card(office)
    with office.app_context(), pytest.raises(OperationalError):
        rehearse()
