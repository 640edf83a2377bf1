"""Whom a capture is about and what opens it: the options that `show` and `audit` share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from harness.capture.wireshark import read_table, tables_beside
from harness.cli import words
from harness.record import printable

device = click.option(
    "--device",
    multiple=True,
    metavar="ADDRESS",
    help="An address of the target, of each that it has; evidence of a run names them itself.",
)
_PORT = click.IntRange(1, 65535)
ports = click.option("--port", "ports", multiple=True, type=_PORT, help="A port of IKE besides 500 and 4500.")
nat_ports = click.option(
    "--nat-port", "nat_ports", multiple=True, type=_PORT, help="A port that is used, or mapped, as 4500 is."
)
keys = click.option(
    "--keys",
    "files",
    multiple=True,
    type=words.FILE,
    help="A decryption table of Wireshark, keys.jsonl, or a log of charon; tables beside the capture are taken.",
)


def secrets(captures: Sequence[Path], files: Sequence[Path]) -> tuple[Mapping[str, Any], ...]:
    """The keys of the files named, or of the tables that lie beside the captures; lines that hold none are told."""
    found: list[Mapping[str, Any]] = []
    for path in files or [table for capture in captures for table in tables_beside(capture)]:
        table = read_table(path)
        found += table.secrets
        for problem in table.problems:
            click.echo(printable(f"{path}: {problem}"), err=True)
    return tuple(found)
