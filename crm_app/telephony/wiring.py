"""Binds telephony to an application: the webhook, the connection, template globals."""

from flask import Flask, current_app
from flask_login import current_user
from sqlalchemy import event

from crm_app import database
from crm_app.accounts.pbx import extensions
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.telephony.browser_phone.views import bp as browser_phone
from crm_app.telephony.call_files.views import bp as call_files
from crm_app.telephony.connection import LinkCache
from crm_app.telephony.dialling.views import bp as dialling
from crm_app.telephony.journal.views import bp as journal
from crm_app.telephony.messages.template_views import bp as message_templates
from crm_app.telephony.messages.views import bp as messages
from crm_app.telephony.messages.views import messages_are_on
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.new_clients.views import bp as new_clients
from crm_app.telephony.reconciliation.views import bp as statistics
from crm_app.telephony.reconciliation.views import events_missing_since
from crm_app.telephony.routing.views import bp as routing
from crm_app.telephony.setup import warnings
from crm_app.telephony.setup.views import bp as setup
from crm_app.telephony.setup.wording import warning_sentence
from crm_app.telephony.webhook import middleware
from crm_app.telephony.webhook.receiver import PATIENCE_S, WebhookReceiver


def register(app: Flask) -> None:
    """Bind the webhook and the cached connection to an application."""
    config: Config = app.extensions["settings"]
    with app.app_context():
        engine = db.engine
    # A separate pool: when pages use up theirs, a caller must not wait.
    quick = database.impatient_engine(engine, PATIENCE_S)
    event.listen(engine, "engine_disposed", lambda _engine: quick.dispose())
    links = LinkCache(app.extensions["vault"], quick)
    app.extensions["telephony_engine"] = quick
    app.extensions["telephony_links"] = links
    refusals = app.extensions["security_refusals"]
    app.extensions["webhook_receiver"] = WebhookReceiver(config, links, quick, refusals, engine)
    app.register_blueprint(middleware.bp)
    app.register_blueprint(dialling)
    app.register_blueprint(routing)
    app.register_blueprint(setup)
    app.register_blueprint(new_clients)
    app.register_blueprint(messages)
    app.register_blueprint(message_templates)
    app.extensions.setdefault("pages_on", {})["messages.index"] = messages_are_on
    app.register_blueprint(browser_phone)
    app.register_blueprint(journal)
    app.register_blueprint(statistics)
    app.register_blueprint(call_files)
    extensions.come_from(_extensions_of_pbx)
    app.jinja_env.globals["why_no_call_arrives"] = why_no_call_arrives
    app.jinja_env.globals["telephony_warnings"] = telephony_warnings
    app.jinja_env.globals["events_missing_since"] = events_missing_since
    app.wsgi_app = middleware.WebhookMiddleware(app, app.wsgi_app)  # type: ignore[method-assign]


def why_no_call_arrives() -> str:
    """Say why no live call can reach this user: not_connected, no_extension, or "" if one can."""
    links: LinkCache = current_app.extensions["telephony_links"]
    if not links.current().is_connected:
        return "not_connected"
    return "" if current_user.extension else "no_extension"


def telephony_warnings() -> list[str]:
    """Say what managers must hear of; it costs no query."""
    links: LinkCache = current_app.extensions["telephony_links"]
    return [warning_sentence(one) for one in warnings.read(links.current().warnings)]


def _extensions_of_pbx() -> list[str] | None:
    stored = TelephonySettings.current()
    return stored.extensions if stored.extensions_at is not None else None
