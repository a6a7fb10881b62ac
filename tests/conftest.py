"""What all tests share: real PostgreSQL and Valkey, an application on each engine, the cast."""

import functools
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import time_machine
from flask import Flask, g
from flask.testing import FlaskClient
from jinja2 import Undefined
from jinja2.utils import missing

from crm_app import clock, database
from crm_app.accounts.models import Role, User
from crm_app.cli import build
from crm_app.config import Config
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.live.screen_updates import screen_updates
from crm_app.security.refusals import RefusalWriter
from crm_app.telephony.webhook import receiver
from tests.own_bus import OwnBus
from tests.postgres import Postgres
from tests.signed_in import SignedInClient

TESTS = Path(__file__).resolve().parent
# Argon2 is slow on purpose; the tests sign in often.
CHEAP_HASHING = {"argon2__time_cost": 1, "argon2__memory_cost": 8}

# Files that one process works at for minutes: whoever began one of them last would be waited for.
LONGEST = [
    "browser/test_accessibility.py", "serving/test_secret_key.py", "serving/test_durability.py",
    "browser/test_stream.py", "telephony/test_malformed_bodies.py", "serving/test_serve.py",
    "browser/test_pickers.py", "browser/test_drafts.py", "browser/test_browser_phone.py",
    "browser/test_sign_in_over.py", "browser/test_tray_fits.py", "serving/test_refusals.py",
]  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the loop of a developer: `make quick`."""
    parser.addoption(
        "--quick",
        action="store_true",
        help="SQLite only, no browser, no server processes",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest files; leave out of a quick run what needs more than SQLite."""
    # A file that has moved fails here, before it is waited for.
    places = {(TESTS / name).resolve(strict=True): place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))
    if config.getoption("--quick"):
        slow = [item for item in items if _is_slow(item)]
        config.hook.pytest_deselected(items=slow)
        left_out = set(slow)
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """Keep what was collected out of the garbage collector's way: it all stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def _is_slow(item: pytest.Item) -> bool:
    if any(item.get_closest_marker(name) for name in ("browser", "processes")):
        return True
    if not isinstance(item, pytest.Function):
        return False
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return "postgres" in item.fixturenames or any(one == "postgresql" for one in parameters)


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for the whole run; in memory where the system offers that."""
    memory = Path("/dev/shm")  # noqa: S108
    root = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="ramal-test-", dir=root) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def bus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Valkey (TEST_REDIS_URL, else one started from its wheel)."""
    given = os.environ.get("TEST_REDIS_URL")  # noqa: TID251
    if given:
        yield given
        return
    own = OwnBus(tmp_path_factory.mktemp("valkey"))
    own.start()
    yield own.url
    own.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL (TEST_DATABASE_URL, else one started from its wheel)."""
    server = Postgres(os.environ.get("TEST_DATABASE_URL", ""))  # noqa: TID251
    yield server
    server.stop()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """The engine that the test runs on; each test with an application runs on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def database_url(engine_name: str, scratch: Path, request: pytest.FixtureRequest) -> str:
    """The address of an empty database of this run on this engine."""
    if engine_name == "sqlite":
        return f"sqlite:///{scratch / 'ramal.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(scope="session")
def settings(database_url: str, bus_url: str, scratch: Path) -> Config:
    """The settings of the application under test; nothing is read from the environment's .env."""
    return Config(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=scratch,
        secret_key="a key for the tests that is long enough",
        database_url=database_url,
        redis_url=bus_url,
        webhook_allowed_networks="*",
        log_level="WARNING",
    )


@pytest.fixture(scope="session", autouse=True)
def _refusals_wait_to_be_written() -> None:
    """Let no thread of any application here write refusals; see the fixture `events`.

    What it wrote a moment later would be found by another test, or lock out a transaction that
    requests share; and where there is no database it would try for ever.
    """
    RefusalWriter.writes_by_itself = False


class NothingToPrint(Undefined):
    """A part that something does not have: printing it leaves an empty place on the page."""

    def __str__(self) -> str:
        """Refuse, but not for what a template may be given or not."""
        # Forms have no token here.
        if self._undefined_obj is not missing and self._undefined_name != "csrf_token":
            self._fail_with_undefined_error()
        return ""


@pytest.fixture(scope="session")
def whole_app(settings: Config) -> Iterator[Flask]:
    """One application with all tables for the whole run on this engine."""
    # A machine that is busy with other tests must not look like a database that is away.
    receiver.PATIENCE_S = 5.0
    app = build(settings)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    app.extensions["security"].pwd_context.update(**CHEAP_HASHING)
    app.test_client_class = SignedInClient
    app.jinja_env.undefined = NothingToPrint
    app.before_request_funcs[None].insert(0, forget_the_last_request)
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    app.extensions["telephony_engine"].dispose()


@pytest.fixture(autouse=True)
def _a_minute_begins(request: pytest.FixtureRequest) -> Iterator[None]:
    """Begin every test with a minute, so that none ends in another minute, hour or day.

    Browsers and processes of their own have the machine's clock, and so have their tests.
    """
    if any(request.node.get_closest_marker(name) for name in ("browser", "processes")):
        yield
        return
    minute = clock.now().replace(second=0, microsecond=0)
    with time_machine.travel(minute, tick=True):
        yield


@pytest.fixture(autouse=True)
def _may_write() -> Iterator[None]:
    """Let every test write: a request of the one before it may have promised only to read."""
    with database.writing():
        yield


def forget_the_last_request() -> None:
    """Empty `g`, which all requests of a test share: who was signed in, in which language."""
    for name in list(g):
        g.pop(name)


@pytest.fixture
def app(whole_app: Flask) -> Iterator[Flask]:
    """The application with an empty database, inside its context."""
    with whole_app.app_context():
        yield whole_app
        db.session.rollback()
        db.session.remove()
        empty_all_tables()
    # What a test has left to be told or to be taken in later is not the next one's.
    assert screen_updates.wait_until_sent(60)
    for folder in ("spool", "recordings"):
        shutil.rmtree(whole_app.extensions["settings"].data_dir / folder, ignore_errors=True)
    whole_app.extensions["counter"].reset()
    whole_app.extensions["security_refusals"].forget()


def empty_all_tables() -> None:
    """Forget every row, in one transaction, on either engine."""
    with db.engine.begin() as connection:
        if db.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        filled = set(connection.exec_driver_sql(_which_are_filled()).scalars())
        for table in reversed(db.metadata.sorted_tables):
            if table.name in filled:
                # Far quicker, for the few rows of a test, than TRUNCATE, which makes new files.
                connection.exec_driver_sql(f'DELETE FROM "{table.name}"')  # noqa: S608


@functools.cache
def _which_are_filled() -> str:
    return " UNION ALL ".join(
        f"SELECT '{table.name}' WHERE EXISTS (SELECT 1 FROM \"{table.name}\")"  # noqa: S608
        for table in db.metadata.sorted_tables
    )


@pytest.fixture
def alice(app: Flask) -> User:
    """The administrator, extension 100."""
    return make_user("Alice Admin", role=Role.ADMIN, extension="100")


@pytest.fixture
def bob(app: Flask) -> User:
    """An agent, extension 101."""
    return make_user("Bob Agent", extension="101")


@pytest.fixture
def carol(app: Flask) -> User:
    """An agent without an extension."""
    return make_user("Carol Agent")


@pytest.fixture
def dora(app: Flask) -> User:
    """A manager, extension 103."""
    return make_user("Dora Manager", role=Role.MANAGER, extension="103")


@pytest.fixture
def client_of(app: Flask) -> Callable[[User], FlaskClient]:
    """Make a browser in which the given user is signed in."""

    def sign_in(user: User) -> FlaskClient:
        return app.test_client(user=user)

    return sign_in


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    """A browser in which nobody is signed in."""
    return app.test_client()
