"""Ramal, the small-office CRM that answers the phone."""

from pathlib import Path

from flask import Flask

from crm_app import loading  # isort: skip
from crm_app import (
    accounts,
    board,
    call_lists,
    callbacks,
    calls,
    config,
    contacts,
    database,
    health,
    home,
    jobs,
    leads,
    live,
    logs,
    mail,
    office,
    recordings,
    reports,
    search,
    talks,
    tasks,
    telephony,
)
from crm_app.accounts import rights
from crm_app.accounts.sign_in import security_extension
from crm_app.config import Config
from crm_app.counting import Counter
from crm_app.encryption import Purpose, Vault
from crm_app.errors import ConfigError
from crm_app.extensions import babel, csrf, db
from crm_app.health import telephony_page
from crm_app.recordings.store import Store
from crm_app.security.refusals import RefusalWriter
from crm_app.security.request_ids import RequestIds
from crm_app.web import access, errors, fragments, toasts, unsaved
from crm_app.web.display import formatting, indentation, sentences, static_files
from crm_app.web.ids import IdConverter
from crm_app.web.middleware import (
    anonymous_forms,
    mount,
    request_body,
    same_origin,
    security_headers,
)
from crm_app.web.middleware.proxy_and_host import ProxyAndHost

ROOT = Path(__file__).resolve().parent.parent
loading.done()


def create_app(settings: Config | None = None) -> Flask:
    """Build an application from the settings (by default those of the environment)."""
    settings = settings or config.load()
    logs.configure(settings.log_level, as_json=settings.log_format == "json")
    app = Flask(__name__, template_folder=ROOT / "templates", static_folder=None)
    if app.debug:
        raise ConfigError(
            "FLASK_DEBUG: Ramal does not run in debug mode, which shows code to visitors and sends "
            "cookies over plain http. Take FLASK_DEBUG out of the environment and .env."
        )
    app.url_map.converters["int"] = IdConverter
    _configure(app, settings)
    # Before the extensions, whose hooks then run only for those who may come in.
    app.before_request(lambda: database.set_reads_only(access.is_reading()))
    # Nothing of the database is held while a body is on its way.
    app.before_request(anonymous_forms.count_form)
    app.before_request(request_body.take_in)
    app.before_request(access.require_sign_in)
    same_origin.register(app)
    _bind_extensions(app, settings)
    for feature in (
        health, telephony_page, live, jobs, home, accounts, callbacks, call_lists, calls,
        recordings, telephony, contacts, leads, tasks, talks, search, office,
        mail, reports, board,
    ):  # fmt: skip
        app.register_blueprint(feature.bp)
    static_files.register(app, ROOT / "static")
    for register in (
        errors.register,
        formatting.register,
        indentation.register,
        sentences.register,
        unsaved.register,
    ):
        register(app)
    app.after_request(toasts.append_toasts)
    app.after_request(fragments.vary_by_htmx)
    request_body.register(app)
    app.wsgi_app = RequestIds(app.wsgi_app)  # type: ignore[method-assign]
    # So that everything inside sees the address of the client and not the proxy's.
    app.wsgi_app = ProxyAndHost(app.wsgi_app, settings)  # type: ignore[method-assign]
    # Last: everything inside sees our own path, whatever prefix the proxy leaves in front of it.
    mount.register(app, settings.public_url)
    return app


def _configure(app: Flask, settings: Config) -> None:
    ring = settings.key_ring
    sessions, forms = ring.derive_all(Purpose.SESSIONS), ring.derive_all(Purpose.FORMS)
    app.config.update(
        SECRET_KEY=sessions[0],
        SECRET_KEY_FALLBACKS=list(sessions[1:]),
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings.sqlalchemy_url),
        DEFAULT_COUNTRY=settings.default_country,
        DEFAULT_LANGUAGE=settings.default_language,
        DEFAULT_TIMEZONE=settings.default_timezone,
        BABEL_DEFAULT_LOCALE=formatting.LOCALES[settings.default_language],
        BABEL_DEFAULT_TIMEZONE=settings.default_timezone,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=settings.is_https,
        WTF_CSRF_TIME_LIMIT=None,
        # Signed with the last one, read with all.
        WTF_CSRF_SECRET_KEY=list(reversed(forms)),
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.extensions["settings"] = settings
    app.extensions["counter"] = Counter(settings.bus_url)
    app.extensions["recordings"] = Store(settings.recordings_place, settings.data_dir)
    app.extensions["vault"] = Vault(ring, settings.read_keys_again)


def _bind_extensions(app: Flask, settings: Config) -> None:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    db.init_app(app)
    with app.app_context():
        database.configure_engine(db.engine)
        engine = db.engine
    app.extensions["security_refusals"] = RefusalWriter(engine)
    csrf.init_app(app)
    babel.init_app(
        app,
        locale_selector=formatting.choose_locale,
        timezone_selector=formatting.choose_timezone,
    )
    security_headers.register(app, is_https=settings.is_https)
    security_extension.register(app)
    live.register(app, settings.bus_url, rights.sees_everything)
    office.register(app)
    telephony.register(app)
