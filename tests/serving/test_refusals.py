"""What stops the start, each in one line that says what to do."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from crm_app.serving.processes import children
from crm_app.serving.processes.children import Child
from tests.serving.running import flask

pytestmark = [pytest.mark.processes, pytest.mark.unhurried]


def refusal(data_dir: Path, **settings: str) -> str:
    """The one line with which `flask serve` gives up."""
    answer = flask(data_dir, "serve", **settings)
    assert answer.returncode == 1, answer.stdout
    lines = answer.stderr.strip().splitlines()
    assert len(lines) == 1, answer.stderr
    assert lines[0].startswith("Error: ")
    return lines[0]


def database_at(data_dir: Path, revision: str) -> Path:
    """A database that says it is at some revision."""
    data_dir.mkdir(parents=True)
    path = data_dir / "ramal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        connection.commit()
    return path


def content(path: Path) -> list[str]:
    """All that a database holds, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_it_refuses_a_folder_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refusal(tmp_path / "file" / "data")
    assert f"DATA_DIR: cannot write in {tmp_path / 'file' / 'data'}" in line
    assert "name another one in DATA_DIR" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [("BIND", "8000"), ("WEB_WORKERS", "many"), ("DATABASE_URL", "mysql://x/y"),
     ("REDIS_URL", "http://x"), ("SECRET_KEY", "short"), ("TRUSTED_PROXIES", "-1")],
)  # fmt: skip
def test_it_names_a_setting_that_makes_no_sense(tmp_path: Path, name: str, value: str) -> None:
    assert name in refusal(tmp_path / "data", **{name: value})


def test_it_refuses_a_database_of_a_newer_ramal(tmp_path: Path) -> None:
    path = database_at(tmp_path / "data", "from_the_future")
    before = content(path)
    line = refusal(tmp_path / "data")
    assert "made by a newer Ramal (revision from_the_future)" in line
    assert content(path) == before


def test_it_refuses_a_database_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "ramal.db")) as connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")
    assert "tables that Ramal did not make" in refusal(tmp_path / "data")


def test_it_refuses_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ramal.db").write_text("This is a letter. " * 100, encoding="utf-8")
    assert "file is not a database" in refusal(tmp_path / "data")


def test_it_says_that_the_database_server_is_away_without_the_password(tmp_path: Path) -> None:
    line = refusal(tmp_path / "data", DATABASE_URL="postgresql://ramal:hush@127.0.0.1:1/ramal")
    assert "DATABASE_URL: cannot use" in line
    assert "hush" not in line


def test_it_ends_one_command_for_an_operator_in_one_line(tmp_path: Path) -> None:
    assert flask(tmp_path / "data", "db", "upgrade").returncode == 0
    answer = flask(tmp_path / "data", "demo", "clear")
    assert answer.returncode == 1
    assert answer.stderr.strip() == (
        "Error: this database does not hold the sample office; nothing was deleted."
    )


def test_it_gives_up_on_a_part_that_keeps_dying(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "PAUSES", (0.0, 0.0, 0.0))
    child = Child("web", [sys.executable, "-c", "raise SystemExit(3)"], {})
    child.start()
    looks = [look(child) for _ in range(4)]
    assert looks == [True, True, True, False]


def look(child: Child) -> bool:
    """Wait for a death, look after it, and let it start again."""
    assert child.wait(30)
    is_worth_it = child.look_after()
    if is_worth_it:
        child.look_after()
    return is_worth_it
