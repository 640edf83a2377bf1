"""`list`: the catalogue."""

import json
from pathlib import Path

import click

from harness.cli import words
from harness.cli.selection import chosen
from harness.record import printable


@click.command("list")
@words.selectors
@words.as_json
@words.cases
def list_command(selectors: tuple[str, ...], as_json: bool, cases: tuple[Path, ...]) -> None:
    """List the catalogue: id, level and title; with --json also requirements, deviants and the rest."""
    entries = chosen(selectors, cases)
    if as_json:
        click.echo(json.dumps([entry.to_json() for entry in entries], indent=1, ensure_ascii=False))
        return
    width = max(len(entry.id) for entry in entries)
    for entry in entries:
        click.echo(printable(f"{entry.id:<{width}}  {entry.level:<10}  {entry.title}"))
    click.echo(f"{len(entries)} cases")
