"""A day's clusters as a picture: how many traces each holds, and how they ended."""

from __future__ import annotations

import base64
import io
from collections import Counter

from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.decision import read_clusters

_ENDS = (("success", "#2a7f62"), ("failure", "#c8553d"), ("outcome unknown", "#9aa5b1"))
_SHOWN = 24


def draw_clusters(artifacts: Artifacts, project: str, day: str) -> str | None:
    """Markdown with a PNG of the day's largest clusters, or None where it has none.

    A name that the font has no letters for is told below the picture by its number.
    """
    clusters = read_clusters(artifacts, project, day)
    if not clusters:
        return None
    table = artifacts.read_table(day_path(project, day, "clean_events"), ("id", "success"))
    names = {True: _ENDS[0][0], False: _ENDS[1][0], None: _ENDS[2][0]}
    ends = dict(zip(table["id"].to_pylist(), (names[value] for value in table["success"].to_pylist()), strict=True))
    counts = Counter((cluster, ends[trace_id]) for trace_id, cluster in clusters.items())
    sizes = Counter(clusters.values())
    shown = sorted(sizes, key=lambda name: (-sizes[name], name))[:_SHOWN]
    labels = [name if _can_draw(name) else f"cluster {number}" for number, name in enumerate(shown, 1)]
    drawn = _draw(
        labels, [[counts[name, end] for name in shown] for end, _ in _ENDS], f"{len(clusters)} traces of {day}"
    )
    told = [f"{label}: {name}" for label, name in zip(labels, shown, strict=True) if label != name]
    picture = f"![clusters of {day}](data:image/png;base64,{base64.b64encode(drawn).decode()})"
    return "\n\n".join((picture, *told))


def _can_draw(name: str) -> bool:
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    return all(font.get_char_index(ord(letter)) for letter in name)


def _draw(names: list[str], counts: list[list[int]], title: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 0.8 + 0.24 * len(names)), dpi=80, layout="constrained")
    axes = figure.subplots()
    left = [0] * len(names)
    for (end, colour), widths in zip(_ENDS, counts, strict=True):
        axes.barh(names, widths, left=left, color=colour, label=end, height=0.7)
        left = [base + width for base, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
