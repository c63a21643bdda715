"""``python -m benchmarks [--only NAME]``: measure, print a table, write it into ``benchmarks/latest.json``."""

import argparse
import importlib
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure, write_figures

NAMES = (
    "load",
    "ingest",
    "redaction",
    "growth",
    "replay",
    "rollouts",
    "round",
    "bfcl",
    "browser",
    "interop",
    "generation",
)
LATEST = Path(__file__).parent / "latest.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", choices=NAMES, help="one benchmark instead of all")
    only = parser.parse_args().only
    figures: list[Figure] = []
    for name in (only,) if only else NAMES:
        figures.extend(importlib.import_module(f"benchmarks.{name}").measure())
    write_figures(LATEST, figures, only)
    _print(figures)
    return 0


def _print(figures: list[Figure]) -> None:
    table = Table("name", "ours", "peer", "unit", "ratio", "reach", "met", "missing")
    for figure in figures:
        values = (figure.ours, figure.peer, figure.unit, figure.ratio, figure.reach, figure.met, figure.missing)
        table.add_row(figure.name, *("" if value is None else str(value) for value in values))
    Console(width=140).print(table)
    print(f"written to {LATEST}")


if __name__ == "__main__":
    sys.exit(main())
