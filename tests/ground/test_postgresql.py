"""Short waits for PostgreSQL are over at once, and long ones let others run."""

import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from crm_app import database
from crm_app.postgresql import HastyConnection
from tests.postgres import Postgres

WAITING = """
from gevent import monkey; monkey.patch_all()
import sys, gevent
from crm_app.postgresql import HastyConnection
first, second = (HastyConnection.connect(sys.argv[1], autocommit=True) for _ in "12")
first.execute("SELECT pg_advisory_lock(7)")
def let_go():
    for _ in range(20):
        gevent.sleep(0.01)
    first.execute("SELECT pg_advisory_unlock(7)")
gevent.spawn(let_go)
# It takes until somebody else has run.
second.execute("SELECT pg_advisory_lock(7)")
print("over")
"""


@pytest.fixture(scope="module")
def address(postgres: Postgres) -> str:
    """Where a database is, as the driver takes it."""
    url = make_url(postgres.new_database()).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


@pytest.fixture
def connection(address: str) -> Iterator[HastyConnection]:
    """One connection, closed in the end."""
    with HastyConnection.connect(address, autocommit=True) as connection:
        yield connection


def test_it_is_what_the_application_connects_by(address: str) -> None:
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    database.configure_engine(engine)
    with engine.connect() as connection:
        assert isinstance(connection.connection.driver_connection, HastyConnection)
        assert connection.scalar(text("SELECT 7")) == 7
    engine.dispose()


@pytest.mark.parametrize("seconds", [0, 0.002, 0.05])
def test_it_gives_what_was_asked_however_long_it_takes(
    connection: HastyConnection, seconds: float
) -> None:
    row = connection.execute("SELECT 7, pg_sleep(%s)", [seconds]).fetchone()
    assert row is not None
    assert row[0] == 7


def test_it_sends_and_reads_more_than_fits_at_once(connection: HastyConnection) -> None:
    much = "x" * 20_000_000
    row = connection.execute("SELECT %s::text", [much]).fetchone()
    assert row == (much,)


def test_it_raises_what_the_server_refuses(connection: HastyConnection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1 / 0")
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SET statement_timeout = 20; SELECT pg_sleep(5)")


def test_it_notices_that_the_line_was_cut(connection: HastyConnection, address: str) -> None:
    with psycopg.connect(address, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_it_lets_others_run_while_a_statement_takes_long(address: str) -> None:
    command = [sys.executable, "-c", WAITING, address]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "over\n"
