"""Prints every ratio: `make bench`."""

from rich.console import Console
from rich.table import Table

from benchmarks.bench_codec import Row, codec_ratio
from benchmarks.bench_daemon import daemon_ratio
from benchmarks.bench_handshake import handshake_ratio
from benchmarks.bench_timers import timer_ratio


def main() -> None:
    """Measure, and print a row for each task: ours a second, the other's, ours / other."""
    table = Table(title="ours / other, medians of alternating pairs in one run")
    for heading in ("task", "ours a second", "against", "other a second", "ours / other"):
        table.add_column(heading, justify="left" if heading in ("task", "against") else "right")
    measured: tuple[tuple[list[Row] | str, str], ...] = (
        (codec_ratio(), "scapy, rebuilding"),
        (handshake_ratio(), "bare primitives"),
        (timer_ratio(), "100 SAs"),
        (daemon_ratio(), "strongSwan's charon"),
    )
    for rows, other in measured:
        if isinstance(rows, str):
            table.add_row("not measured", "", other, rows, "")
            continue
        for task, ours, theirs, ratio in rows:
            table.add_row(task, f"{ours:,.0f}", other, f"{theirs:,.0f}", f"{ratio:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
