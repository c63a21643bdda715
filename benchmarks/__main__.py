"""``python -m benchmarks [NAME]``: measure, print a table, write ``benchmarks/latest.json``."""

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure

NAMES = ("load", "round")
LATEST = Path(__file__).parent / "latest.json"


def main(arguments: list[str]) -> int:
    unknown = [name for name in arguments if name not in NAMES]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in arguments or NAMES:
        figures.extend(importlib.import_module(f"benchmarks.{name}").measure())
    LATEST.write_text(json.dumps([figure.to_json() for figure in figures], indent=2) + "\n")
    _print(figures)
    return 0


def _print(figures: list[Figure]) -> None:
    table = Table("name", "ours", "peer", "unit", "ratio", "reach", "met")
    for figure in figures:
        values = (figure.ours, figure.peer, figure.unit, figure.ratio, figure.reach, figure.met)
        table.add_row(figure.name, *("" if value is None else str(value) for value in values))
    Console(width=140).print(table)
    print(f"written to {LATEST}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
