"""What a command prints: records as JSON for scripts, as tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from pydantic import BaseModel

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def to_plain(value: Any) -> Any:
    """JSON-compatible values of a record, a list of them, or plain values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def show(value: Any, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Print a record, or a list of records with ``columns`` (all by default)."""
    plain = to_plain(value)
    if as_json:
        sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
        return
    from rich.console import Console

    console = Console()
    if not console.is_terminal:  # a pipe has no width that a row should be broken at
        console = Console(width=200)
    if isinstance(plain, list):
        console.print(_to_table(plain, columns) if plain else "none")
        return
    for key, item in plain.items():
        console.print(f"[bold]{key}[/bold]  ", _to_text(item), sep="", highlight=False, markup=True)


def say(text: str) -> None:
    """A line for the person, on stderr, so that stdout stays data."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _to_table(rows: list[dict[str, Any]], columns: Sequence[str]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    names = list(columns) or list(rows[0])
    for name in names:
        numeric = all(isinstance(row.get(name), int | float) or row.get(name) is None for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_to_text(row.get(name)) for name in names))
    return table


def _to_text(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict | list):
        return escape(json.dumps(value, ensure_ascii=False))
    return escape(str(value))
