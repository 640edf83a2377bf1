"""Prints every ratio: `make bench`."""

from rich.console import Console
from rich.table import Table

from benchmarks.bench_codec import codec_ratio
from benchmarks.bench_handshake import handshake_ratio


def main() -> None:
    """Measure, and print a row for each task: ours a second, the other's, ours / other."""
    table = Table(title="ours / other, medians of alternating pairs in one run")
    for heading in ("task", "ours a second", "against", "other a second", "ours / other"):
        table.add_column(heading, justify="left" if heading in ("task", "against") else "right")
    for rows, other in ((codec_ratio(), "scapy, rebuilding"), (handshake_ratio(), "bare primitives")):
        for task, ours, theirs, ratio in rows:
            table.add_row(task, f"{ours:,.0f}", other, f"{theirs:,.0f}", f"{ratio:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
