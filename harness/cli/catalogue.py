"""`list`: the catalogue."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli import words


@click.command("list")
@words.selectors
@words.as_json
@words.cases
def list_command(selectors: tuple[str, ...], as_json: bool, cases: tuple[Path, ...]) -> None:
    """List the catalogue: id, level, requirements, title."""
    entries = words.chosen(selectors, cases)
    if as_json:
        click.echo(json.dumps([entry.to_json() for entry in entries], indent=1, ensure_ascii=False))
        return
    table = Table("case", "level", "requirements", "what it shows", box=None, pad_edge=False)
    for entry in entries:
        cells = (entry.id, entry.level, " ".join(entry.kind.requirements), entry.title)
        table.add_row(*(Text(cell) for cell in cells))
    console = Console(highlight=False)
    console.print(table, soft_wrap=not console.is_terminal)
    console.print(f"{len(entries)} cases")
