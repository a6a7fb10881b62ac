"""Answers that htmx swaps into a page, and the choice between them and full pages."""

from typing import Any

from flask import Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from crm_app.web.unsaved import say_saved

# What a view gives back.
Answer = str | tuple[str, int] | AnyResponse


def wants_fragment() -> bool:
    """Whether htmx asks for a part of a page.

    A boosted link or a page restored from history wants the whole page.
    """
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def page_or_fragment(page: str, fragment: str, /, **context: Any) -> str:
    """Render the fragment's template for htmx, the page's for everybody else."""
    return render_template(fragment if wants_fragment() else page, **context)


def see_other(url: str) -> Response:
    """Send the browser to another page after a change, whether htmx or a plain form asked."""
    if wants_fragment():
        answer = make_response("", 200)
        answer.headers["HX-Redirect"] = url
        return answer
    return say_saved(make_response(redirect(url, 303)))


def vary_by_htmx(response: Response) -> Response:
    """Keep caches from answering a page request with a fragment; runs after every request."""
    if response.mimetype == "text/html":
        response.vary.update(["HX-Request", "HX-History-Restore-Request", "Cookie"])
        response.headers.setdefault("Cache-Control", "no-store")
    return response
