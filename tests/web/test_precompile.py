"""What a ringing client's card needs is compiled before the first one rings."""

from flask import Flask

from crm_app import create_app
from crm_app.config import Config
from crm_app.serving.processes import gunicorn_conf
from crm_app.web.display.precompile import load_ahead


def test_a_cards_templates_are_compiled_with_all_they_include(settings: Config) -> None:
    office: Flask = create_app(settings)
    load_ahead(office.jinja_env, gunicorn_conf.CARD)
    assert office.jinja_env.cache is not None
    compiled = {name for _loader, name in office.jinja_env.cache}
    assert {"calls/_popup.html", "calls/_popup_who.html", "_ui/parts.html"} <= compiled
