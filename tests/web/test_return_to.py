"""Going back leads to a page of ours, whoever asks."""

import pytest

from crm_app.web.return_to import here, local


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("http://localhost/tasks?assignee=all", "/tasks?assignee=all"),
        ("http://localhost/leads/1", "/leads/1"),
        ("http://evil.example/tasks", "/home"),
        ("http://localhost//evil.example", "/home"),
        ("http://localhost/\\evil.example", "/home"),
        ("javascript:alert(1)", "/home"),
        ("", "/home"),
    ],
)
def test_it_goes_back_only_to_this_host(app, referrer, expected):
    with app.test_request_context("/x", headers={"Referer": referrer}):
        assert here("/home") == expected


def test_it_prefers_what_htmx_says(app):
    headers = {"HX-Current-URL": "http://localhost/tasks", "Referer": "http://localhost/leads"}
    with app.test_request_context("/x", headers=headers):
        assert here("/home") == "/tasks"


@pytest.mark.parametrize(
    "path", ["", "tasks", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil"]
)
def test_it_refuses_a_path_that_leads_elsewhere(path):
    assert local(path, "/home") == "/home"
