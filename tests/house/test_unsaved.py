"""Every form that somebody types into keeps what is typed, or there is a reason why it must not."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "templates"
# Each sign of a tag can be read in one way only: with two, many expressions would take minutes.
EXPRESSION = r"\{\{[^}]*(?:\}(?!\})[^}]*)*\}\}|\{%[^%]*(?:%(?!\})[^%]*)*%\}"
FORM = re.compile(
    rf"<form\b(?P<tag>(?:[^>{{]|\{{(?![{{%])|{EXPRESSION})*)>.*?</form>",
    re.DOTALL,
)
POSTS = 'method="post"'
TYPED = re.compile(
    r"<textarea|<select|<input(?![^>]*type=\"hidden\")"
    r"|\bfield\(|\{% include|picker\(|password_field"
)
KEEPS = "keeps_unsaved()"
# By template: why what is typed there is not kept by the browser.
REASONS = {
    "telephony/history/index.html": "one choice, made in the moment it is sent",
    "telephony/call_files/_box.html": "a file, which no page can keep",
    "_ui/_proof.html": "a password",
    "accounts/proof.html": "a password, and what is carried on its way",
    "accounts/_passkeys.html": "a name, kept with the passkey that the device makes at once",
    "accounts/second_factor_app.html": "a code of thirty seconds",
    "accounts/second_step.html": "codes, and nobody is signed in",
    "accounts/choose_password.html": "passwords, and nobody is signed in",
    "accounts/login.html": "passwords, and nobody is signed in",
    "accounts/set_up.html": "passwords, and nobody is signed in",
    "accounts/profile.html": "the second form changes the password",
    "callbacks/_more.html": "one line or a choice, sent at once",
    "calls/_choices.html": "a choice, sent at once",
    "calls/_popup_stranger.html": "its name is kept with the card (call-names.js)",
    "calls/_wrapup.html": "kept by the server, too (call-drafts.js)",
    "leads/stage.html": "the second form moves leads",
    "telephony/_dial_form.html": "a number, dialled at once",
    "telephony/_keys.html": "keys",
}


def forms(path: Path) -> list[str]:
    """Give the forms of a template that somebody types into."""
    found = FORM.finditer(path.read_text(encoding="utf-8"))
    sent = (match.group() for match in found if POSTS in match["tag"])
    return [form for form in sent if TYPED.search(form)]


PATHS = [path for path in sorted(ROOT.rglob("*.html")) if forms(path)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_keeps_what_is_typed_into_a_form(path: Path) -> None:
    unmarked = [form for form in forms(path) if KEEPS not in form]
    if str(path.relative_to(ROOT)) not in REASONS:
        assert unmarked == []


def test_it_gives_no_reason_for_a_form_that_is_gone() -> None:
    assert set(REASONS) <= {str(path.relative_to(ROOT)) for path in PATHS}
