"""A validation by Great Expectations as one page of its Data Docs, which can be opened without a network.

Invariant: the page asks nothing of another host: what Great Expectations links from there is left out,
and a style of a few lines stands in for it.
"""

from __future__ import annotations

import re
from typing import Any

_FOREIGN = re.compile(
    r"<script\b[^>]*>.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer\b[^>]*>.*?</footer>",
    re.IGNORECASE | re.DOTALL,
)
_AWAY = re.compile(r'\b(href|src)="(?:https?:|//|\.\./)[^"]*"', re.IGNORECASE)
_PICTURE = re.compile(r"url\('https?:[^')]*'\)", re.IGNORECASE)
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
td, th { border: 1px solid #ddd; padding: .35rem .6rem; text-align: left; vertical-align: top; }
.badge { background: #eee; border-radius: .3rem; padding: 0 .3rem; }
.text-success, .fa-check-circle { color: #1a7f37; } .text-danger, .fa-times { color: #cf222e; }
.fa-check-circle::before { content: "passed"; } .fa-times::before { content: "FAILED"; }
nav, footer, .modal, .sticky, .cooltip .top { display: none; }
</style></head>"""


def draw_page(result: Any) -> str:
    """The HTML page of a validation result."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    renderer: Any = ValidationResultsPageRenderer()
    view: Any = DefaultJinjaPageView()
    page = str(view.render(renderer.render(result)))
    page = _AWAY.sub(r'\1="#"', _PICTURE.sub("none", _FOREIGN.sub("", page)))
    return page.replace("</head>", _STYLE, 1)
