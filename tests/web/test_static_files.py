"""Static files: asked for once, and never those of another release by mistake."""

import re
from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from crm_app.demo import make_user
from crm_app.web.display import static_files

SCRIPT = "js/live.js"
OLD_MARK = "01234567"
PASSWORD = "tres tigres tristes"


@pytest.fixture
def office(tmp_path: Path) -> Flask:
    """An application with one static file."""
    office = Flask(__name__, static_folder=None)
    (tmp_path / "js").mkdir()
    (tmp_path / SCRIPT).write_text("now()")
    static_files.register(office, tmp_path)
    return office


@pytest.fixture
def address(office: Flask) -> str:
    """Where the office's pages say that the file is."""
    with office.test_request_context():
        return url_for("static", filename=SCRIPT)


def test_a_file_is_kept_for_a_year_by_the_address_that_pages_name(
    office: Flask, address: str
) -> None:
    with office.test_client().get(address) as answer:
        assert (answer.status_code, answer.text) == (200, "now()")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", [SCRIPT, f"{OLD_MARK}/{SCRIPT}"])
def test_an_open_page_of_another_release_gets_a_file_and_asks_again_next_time(
    office: Flask, path: str
) -> None:
    with office.test_client().get(f"/static/{path}") as answer:
        assert (answer.status_code, answer.text) == (200, "now()")
        assert answer.headers["Cache-Control"] == "no-cache"
        tag = answer.headers["ETag"]
    with office.test_client().get(f"/static/{path}", headers={"If-None-Match": tag}) as again:
        assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    ["js/none.js", f"{OLD_MARK}/js/none.js", f"{OLD_MARK}/", OLD_MARK, "js", "js/",
     f"{OLD_MARK}/{OLD_MARK}/{SCRIPT}", "%2e%2e/secret", f"{OLD_MARK}/%2e%2e/secret",
     f"{OLD_MARK}//secret", "js/live.js%00"],
)  # fmt: skip
def test_what_is_no_file_of_the_folder_is_not_found_and_not_kept(
    office: Flask, address: str, tmp_path: Path, path: str
) -> None:
    (tmp_path.parent / "secret").write_text("key")
    for folder in ("/static", address.removesuffix(f"/{SCRIPT}")):
        answer = office.test_client().get(f"{folder}/{path}")
        assert answer.status_code == 404, f"{folder}/{path}"
        assert "max-age" not in answer.headers.get("Cache-Control", "")


@pytest.mark.parametrize("change", ["content", "name", "more", "moved"])
def test_the_address_changes_with_what_the_files_hold(
    tmp_path: Path, office: Flask, change: str
) -> None:
    before = static_files.mark_of(tmp_path)
    script = tmp_path / SCRIPT
    if change == "content":
        script.write_text("then()")
    elif change == "name":
        script.rename(tmp_path / "js" / "late.js")
    elif change == "more":
        (tmp_path / "js" / "late.js").write_text("")
    else:
        script.rename(tmp_path / "live.js")
    static_files.mark_of.cache_clear()
    assert static_files.mark_of(tmp_path) != before


def test_every_file_that_a_page_names_is_kept(app: Flask, visitor: FlaskClient) -> None:
    named = re.findall(r'(?:src|href)="(/static/[^"#]+)', visitor.get("/login").text)
    assert len(named) > 5
    for path in named:
        with visitor.get(path) as answer:
            assert answer.status_code == 200, path
            assert "immutable" in answer.headers["Cache-Control"], path


def test_a_file_carries_nothing_of_who_asks_for_it(app: Flask) -> None:
    eva = make_user("Eva", email="eva@example.com", password=PASSWORD)
    remembered = app.test_client()
    told = {"email": eva.email, "password": PASSWORD, "remember": "y"}
    assert remembered.post("/login", data=told).status_code == 303
    assert remembered.get_cookie("remember_token") is not None
    remembered.delete_cookie("session")
    with app.test_request_context():
        addresses = [url_for("static", filename=SCRIPT), f"/static/{SCRIPT}"]
    for address in addresses:
        for client in (app.test_client(user=eva), remembered):
            with client.get(address) as answer:
                assert answer.status_code == 200
                assert "Set-Cookie" not in answer.headers
                assert "Cookie" not in answer.headers.get("Vary", "")
