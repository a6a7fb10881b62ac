"""Isolates the values in translated sentences, so that right-to-left text cannot reorder them."""

from typing import Any

from flask import Flask, g
from flask_babel import Domain, get_locale
from jinja2 import pass_context
from markupsafe import Markup

from crm_app.extensions import babel
from crm_app.text import isolated

_WORDS = "words_of_the_language"
WORDS = ("gettext", "ngettext", "pgettext", "npgettext")


class Sentences(Domain):  # type: ignore[misc]
    """Translated sentences with isolated values, for Python code."""

    def get_translations(self) -> Any:
        """Give the words of this request's language, looked up once for as long as it stays."""
        locale = get_locale()
        if locale is None:
            return super().get_translations()
        known_locale, words = g.get(_WORDS, (None, None))
        if known_locale is not locale:
            words = super().get_translations()
            setattr(g, _WORDS, (locale, words))
        return words

    def gettext(self, string: str, **variables: Any) -> str:
        """Translate a sentence and fill it in."""
        return str(super().gettext(string, **apart(variables)))

    def ngettext(self, singular: str, plural: str, num: int, **variables: Any) -> str:
        """Translate a sentence that counts, and fill it in."""
        return str(super().ngettext(singular, plural, num, **apart(variables)))


def register(app: Flask) -> None:
    """Isolate the values of all sentences, in Python and in templates."""
    with app.app_context():
        babel.domain_instance = Sentences(domain=babel.domain)
    for name in WORDS:
        app.jinja_env.globals[name] = _filled_apart(app.jinja_env.globals[name])
    app.jinja_env.filters["isolated"] = isolated


def apart(variables: dict[str, Any]) -> dict[str, Any]:
    """Isolate those values of a sentence that are text."""
    return {
        name: isolated(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        for name, value in variables.items()
    }


def _filled_apart(words: Any) -> Any:
    @pass_context
    def filled(context: Any, *args: Any, **variables: Any) -> Any:
        return words(context, *args, **apart(variables))

    return filled
