"""The secret key of a real office: exchanged while it runs, lost, and kept in files."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from crm_app.telephony.zadarma.signing import sign_webhook
from tests.postgres import Postgres
from tests.serving.copied import copy_of
from tests.serving.running import Office, environment, flask
from tests.telephony.conftest import start_fields

pytestmark = [pytest.mark.processes, pytest.mark.unhurried]
EMAIL, PASSWORD = "alice@example.com", "correct horse battery staple"
PBX_KEY, PBX_SECRET = "a1b2c3d4e5f6a7b8c9d0", "0f1e2d3c4b5a69788796"
OLD, NEW = "o" * 40, "n" * 40


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of an office, furnished once, that tests copy."""
    folder = tmp_path_factory.mktemp("model") / "data"
    furnish(folder, SECRET_KEY=OLD)
    assert not (folder / "secret_key").exists()
    return f"sqlite:///{folder / 'ramal.db'}"


@pytest.fixture(scope="module")
def model_on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> str:
    """The database of an office, furnished once, that tests copy."""
    address = postgres.new_database()
    furnish(tmp_path_factory.mktemp("model") / "data", SECRET_KEY=OLD, DATABASE_URL=address)
    return address


@pytest.fixture
def address(
    engine_name: str, tmp_path: Path, postgres: Postgres, request: pytest.FixtureRequest
) -> str:
    """The address of an office of the test's own: see `furnish`; all is encrypted with OLD."""
    model = "model_file" if engine_name == "sqlite" else "model_on_postgresql"
    return copy_of(request.getfixturevalue(model), tmp_path / "office.db", postgres)


@pytest.fixture
def data(model_file: str, tmp_path: Path) -> Path:
    """The data folder of an office of the test's own; all is encrypted with OLD, kept elsewhere."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    copy_of(model_file, folder / "ramal.db")
    return folder


def with_input(data_dir: Path, text: str, *command: str, **settings: str) -> str:
    """Run one of our commands, give it a line, and give what it printed."""
    answer = subprocess.run(
        [sys.executable, "-m", "flask", *command],
        env=environment(data_dir, **settings), input=text, cwd=data_dir.parent,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def furnish(data_dir: Path, **settings: str) -> None:
    """Make the tables, a person with a password, and store the PBX's keys."""
    assert flask(data_dir, "db", "upgrade", **settings).returncode == 0
    person = ("user", "create", EMAIL, "--name", "Alice", "--role", "admin", "--password-stdin")
    with_input(data_dir, PASSWORD, *person, **settings)
    nowhere = {"ZADARMA_API_URL": "http://127.0.0.1:9"}
    connect = ("telephony", "connect", "--key", PBX_KEY, "--secret-stdin", "--untested")
    with_input(data_dir, PBX_SECRET, *connect, **settings, **nowhere)


def keep_key(data_dir: Path, key: str) -> None:
    """Write the file of an office that keeps its key itself."""
    data_dir.mkdir(mode=0o700, exist_ok=True)
    (data_dir / "secret_key").write_text(key)
    (data_dir / "secret_key").chmod(0o600)


def ring(office: Office, number: str) -> int:
    """Post a call as the PBX does; give the status."""
    fields = start_fields(pbx_call_id=f"in_{number}")
    return requests.post(
        f"http://127.0.0.1:{office.port}/zadarma", data=fields, timeout=30,
        headers={"Signature": sign_webhook(fields, PBX_SECRET)},
    ).status_code  # fmt: skip


def sign_in(office: Office, session: requests.Session) -> int:
    """Sign in as a browser does; give the status."""
    page = f"http://127.0.0.1:{office.port}/login"
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', session.get(page, timeout=30).text)
    assert token
    data = {"csrf_token": token[1], "email": EMAIL, "password": PASSWORD, "remember": "y"}
    return session.post(page, data=data, allow_redirects=False, timeout=30).status_code


def is_signed_in(office: Office, session: requests.Session) -> bool:
    """Tell whether a browser still comes in."""
    page = f"http://127.0.0.1:{office.port}/account"
    return session.get(page, allow_redirects=False, timeout=30).status_code == 200


def refusal(data_dir: Path, *command: str, **settings: str) -> str:
    """The one line with which a command gives up."""
    answer = flask(data_dir, *command, **settings)
    assert answer.returncode == 1, answer.stdout
    assert len(answer.stderr.strip().splitlines()) == 1, answer.stderr
    return answer.stderr


def test_a_kept_key_is_exchanged_while_the_office_runs(tmp_path: Path, address: str) -> None:
    data = tmp_path / "data"
    settings = {"DATABASE_URL": address, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1"}
    keep_key(data, OLD)
    browser = requests.Session()
    with Office(data, **settings) as office:
        assert ring(office, "before") == 200
        assert sign_in(office, browser) == 303
        said = flask(data, "secret-key", "rotate", **settings)
        assert said.returncode == 0, said.stderr
        assert "everybody signs in again" in said.stdout
        assert "1 in telephony_settings.secret_encrypted" in said.stdout
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            assert ring(office, "meanwhile") == 200
            time.sleep(0.2)
    new = (data / "secret_key").read_text()
    assert len(new.split()) == 1
    assert new != OLD
    assert (data / "secret_key").stat().st_mode & 0o777 == 0o600
    with Office(data, **settings) as office:
        assert ring(office, "after") == 200
        assert not is_signed_in(office, browser)
        assert sign_in(office, requests.Session()) == 303
    assert "another key" in refusal(data, "serve", SECRET_KEY=OLD, **settings)


def test_a_key_of_the_environment_is_printed_and_alone_is_enough(
    tmp_path: Path, address: str
) -> None:
    data = tmp_path / "data"
    settings = {"DATABASE_URL": address, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1"}
    said = flask(data, "secret-key", "rotate", SECRET_KEY=OLD, **settings)
    new = re.search(r"SECRET_KEY=(\S+)", said.stdout)
    assert new, said.stderr
    assert not (data / "secret_key").exists()
    for command in ("serve", "worker"):
        line = refusal(data, command, SECRET_KEY=OLD, **settings)
        assert "another key" in line
    with Office(data, SECRET_KEY=new[1], **settings) as office:
        assert ring(office, "after") == 200
        assert sign_in(office, requests.Session()) == 303


def test_an_older_key_behind_the_new_one_keeps_sessions_and_the_pbx(
    tmp_path: Path, address: str
) -> None:
    data = tmp_path / "data"
    settings = {"DATABASE_URL": address, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1"}
    browser = requests.Session()
    with Office(data, SECRET_KEY=OLD, **settings) as office:
        assert sign_in(office, browser) == 303
    with Office(data, SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=OLD, **settings) as office:
        assert ring(office, "fallback") == 200
        assert is_signed_in(office, browser)
    # All was encrypted again at that start.
    with Office(data, SECRET_KEY=NEW, **settings) as office:
        assert ring(office, "alone") == 200


def test_a_rotation_that_was_cut_off_is_finished_by_the_next_start(data: Path) -> None:
    settings = {"WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1"}
    # What the file holds when the command is killed before it reaches the database.
    keep_key(data, f"{NEW}\n{OLD}")
    with Office(data, **settings) as office:
        assert ring(office, "after") == 200
    keep_key(data, NEW)
    with Office(data, **settings) as office:
        assert ring(office, "alone") == 200


def test_a_restored_database_without_its_key_is_one_clear_line(data: Path) -> None:
    for _attempt in range(2):
        line = refusal(data, "serve")
        assert "another key" in line
        assert "flask secret-key adopt" in line
    assert not (data / "secret_key").exists()
    adopted = flask(data, "secret-key", "adopt", "--yes")
    assert "telephony_settings.key_encrypted" in adopted.stdout, adopted.stderr
    with Office(data) as office:
        assert sign_in(office, requests.Session()) == 303


def test_a_key_in_a_file_is_read_and_both_are_refused(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{OLD}\n")
    line = refusal(data, "serve", SECRET_KEY_FILE=str(file), SECRET_KEY=OLD)
    assert "SECRET_KEY_FILE" in line
    said = flask(data, "secret-key", "rotate", SECRET_KEY_FILE=str(file))
    new = re.search(r"SECRET_KEY=(\S+)", said.stdout)
    assert new, said.stderr
    assert str(file) in said.stdout
    file.write_text(new[1])
    with Office(data, SECRET_KEY_FILE=str(file)) as office:
        assert sign_in(office, requests.Session()) == 303
    assert not (data / "secret_key").exists()
