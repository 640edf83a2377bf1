"""How fast and in how little memory long captures are audited, beside tshark that prints what such a judgement needs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench_codec import Row, _median
from benchmarks.crowd import DEVICE, DEVICE_V6, Crowd
from harness.clock import WallClock

TOP = Path(__file__).parents[1]
FIELDS = (
    *("frame.number", "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ip.id", "udp.srcport"),
    *(
        "udp.dstport",
        "isakmp.ispi",
        "isakmp.rspi",
        "isakmp.nextpayload",
        "isakmp.version",
        "isakmp.exchangetype",
    ),
    *("isakmp.flags", "isakmp.messageid", "isakmp.length"),
)
LONG, SHORT = 1_000_000, 250_000
_LOOK_S = 0.01


def ours(capture: Path) -> list[str]:
    """The command that audits a capture."""
    devices = [word for each in (DEVICE, DEVICE_V6) for word in ("--device", each)]
    return [sys.executable, "-m", "harness.cli", "audit", str(capture), *devices, "--json"]


def theirs(capture: Path) -> list[str]:
    """The command that prints the headers of a capture."""
    return [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-T",
        "fields",
        *(word for each in FIELDS for word in ("-e", each)),
    ]


def measured(command: Sequence[str]) -> tuple[float, float]:
    """Seconds that a command takes, and the most anonymous memory that it was seen with, in MB."""
    clock, most = WallClock(), 0
    began = clock.now()
    environment = os.environ | {"PYTHONPATH": str(TOP)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, **quiet) as process:  # type: ignore[call-overload]
        while process.poll() is None:
            most = max(most, _anonymous(process.pid))
            try:
                process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                continue
    return clock.now() - began, most / 1024


def _anonymous(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def audit_ratio(datagrams: int = LONG, short: int = SHORT, *, pairs: int = 3) -> list[Row] | str:
    """Datagrams a second of ours and of tshark with their ratio; and anonymous memory for a long and a short capture."""
    if shutil.which("tshark") is None:
        return "tshark is not installed"
    with TemporaryDirectory() as folder:
        long_one, short_one = Path(folder, "long.pcap"), Path(folder, "short.pcap")
        Crowd(datagrams).write(long_one)
        Crowd(short).write(short_one)
        seconds, memory = zip(*(measured(ours(long_one)) for _ in range(pairs)), strict=True)
        others = [measured(theirs(long_one))[0] for _ in range(pairs)]
        least = measured(ours(short_one))[1]
    mine, other, most = _median([*seconds]), _median(others), max(memory)
    return [
        (f"audit of {datagrams:,} datagrams", datagrams / mine, datagrams / other, other / mine),
        (f"its memory in MB, beside that of {short:,}", most, least, most / least),
    ]


if __name__ == "__main__":
    told = audit_ratio()
    for row in [(told, 0, 0, 0)] if isinstance(told, str) else told:
        print(f"{row[0]:44} {row[1]:10.0f} {row[2]:10.0f} {row[3]:6.2f}")
