"""Short messages that appear over the page, with an undo button where undoing is possible."""

from flask import Response, flash, get_flashed_messages, render_template

from crm_app.web.fragments import wants_fragment


def toast(message: str, *, undo_url: str = "", kind: str = "success") -> None:
    """Show a message in the next page or fragment; `undo_url` is posted to by its undo button.

    `kind` is success, info, warning or danger; the last two stay until they are closed.
    """
    flash({"message": str(message), "undo_url": undo_url, "kind": kind}, "toast")  # type: ignore[arg-type]


def append_toasts(response: Response) -> Response:
    """Append the waiting toasts to a fragment; runs after every request."""
    is_html = response.mimetype == "text/html" and not response.direct_passthrough
    if not wants_fragment() or not is_html or "HX-Redirect" in response.headers:
        return response
    toasts = get_flashed_messages(category_filter=["toast"])
    if toasts:
        partial = render_template("_ui/_toasts_partial.html", toasts=toasts)
        response.set_data(response.get_data(as_text=True) + partial)
    return response
