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
    """Markdown with a PNG of the day's clusters, or None where it has none."""
    clusters = read_clusters(artifacts, project, day)
    if not clusters:
        return None
    table = artifacts.read_table(day_path(project, day, "clean_events"), ("id", "success"))
    names = {True: _ENDS[0][0], False: _ENDS[1][0], None: _ENDS[2][0]}
    ends = dict(zip(table["id"].to_pylist(), (names[value] for value in table["success"].to_pylist()), strict=True))
    counts = Counter((cluster, ends[trace_id]) for trace_id, cluster in clusters.items())
    sizes = Counter(clusters.values())
    shown = sorted(sizes, key=lambda name: (-sizes[name], name))[:_SHOWN]
    picture = base64.b64encode(_draw(shown, counts, f"{len(clusters)} traces of {day} by cluster")).decode()
    return f"![clusters of {day}](data:image/png;base64,{picture})"


def _draw(names: list[str], counts: Counter[tuple[str, str]], title: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 0.8 + 0.24 * len(names)), dpi=80, layout="constrained")
    axes = figure.subplots()
    left = [0] * len(names)
    for end, colour in _ENDS:
        widths = [counts[name, end] for name in names]
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
