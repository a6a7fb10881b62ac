"""What axe, which examines pages for barriers, finds grave in a page."""

from pathlib import Path
from typing import Any

import axe_playwright_python  # type: ignore[import-untyped]
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
GRAVE = {"serious", "critical"}


def grave(page: Page, part: str, *rules: str) -> list[str]:
    """Let axe examine a part of the page as it is, by some rules or by all."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    result: dict[str, Any] = page.evaluate("given => axe.run(...given)", [part, options])
    return [
        f"{found['id']}: {node['html'][:120]} {node['any'][0]['message'] if node['any'] else ''}"
        for found in result["violations"]
        if found["impact"] in GRAVE
        for node in found["nodes"][:3]
    ]
