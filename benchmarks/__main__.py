"""Prints every ratio, and how a flood is borne: `make bench`, with options in BENCH_OPTIONS."""

import argparse

from rich.console import Console
from rich.table import Table

from benchmarks.bench_audit import audit_ratio
from benchmarks.bench_codec import Row, codec_ratio
from benchmarks.bench_daemon import daemon_ratio
from benchmarks.bench_flood import DATAGRAMS, flood, growth
from benchmarks.bench_handshake import handshake_ratio
from benchmarks.bench_timers import timer_ratio
from harness.values import collect_seldom


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument(
        "--flood", type=int, default=DATAGRAMS, metavar="N", help="datagrams of the flood (%(default)s)"
    )
    parser.add_argument("--flood-only", action="store_true", help="leave the ratios out")
    asked = parser.parse_args()
    collect_seldom()  # as the daemon does
    console = Console(width=110)
    if not asked.flood_only:
        console.print(_ratios())
    console.print(_flood(asked.flood))


def _ratios() -> Table:
    """A row for each task: ours a second, the other's, ours / other."""
    table = Table(title="ours / other, medians of alternating pairs in one run")
    for heading in ("task", "ours a second", "against", "other a second", "ours / other"):
        table.add_column(heading, justify="left" if heading in ("task", "against") else "right")
    measured: tuple[tuple[list[Row] | str, str], ...] = (
        (codec_ratio(), "scapy, rebuilding"),
        (handshake_ratio(), "bare primitives"),
        (timer_ratio(), "100 SAs"),
        (daemon_ratio(), "strongSwan's charon"),
        (audit_ratio(), "tshark -T fields"),
    )
    for rows, other in measured:
        if isinstance(rows, str):
            table.add_row("not measured", "", other, rows, "")
            continue
        for task, ours, theirs, ratio in rows:
            table.add_row(task, f"{ours:,.0f}", other, f"{theirs:,.0f}", f"{ratio:.2f}")
    return table


def _flood(datagrams: int) -> Table:
    """A row for each part of a flood of hostile datagrams: how many a second, and what is in memory at its end."""
    steps = flood(datagrams)
    title = f"a flood of hostile datagrams; in memory at the end, by what was first: {growth(steps):.2f}"
    table = Table(title=title)
    for heading in ("datagrams so far", "a second", "MiB in memory"):
        table.add_column(heading, justify="right")
    for step in steps:
        table.add_row(f"{step.taken:,}", f"{step.rate:,.0f}", f"{step.resident / 2**20:.1f}")
    return table


if __name__ == "__main__":
    main()
