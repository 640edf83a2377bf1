"""How fast and in how little memory long captures are audited, beside tshark that prints what such a judgement needs.

Both are one process with one thread; what counts is the time of the processor, the system's part of it included.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory

from benchmarks.bench_codec import Row, _median
from benchmarks.crowd import DEVICE, DEVICE_V6, Crowd
from benchmarks.sealed import write_sealed

TOP = Path(__file__).parents[1]
FIELDS = (
    *("frame.number", "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ip.id", "udp.srcport"),
    *("udp.dstport", "isakmp.ispi", "isakmp.rspi", "isakmp.nextpayload", "isakmp.version"),
    *("isakmp.exchangetype", "isakmp.flags", "isakmp.messageid", "isakmp.length"),
)
INNER = ("isakmp.typepayload", "isakmp.notify.msgtype", "isakmp.spi")
"""What stands in sealed payloads."""
LONG, SHORT, SEALED = 1_000_000, 250_000, 50_000
SHARES = (0.01, 0.1)
"""Of the SAs so many offend."""
_LOOK_S = 0.01


def ours(capture: Path) -> list[str]:
    """The command that audits a capture."""
    devices = [word for each in (DEVICE, DEVICE_V6) for word in ("--device", each)]
    return [sys.executable, "-m", "harness.cli", "audit", str(capture), *devices, "--json"]


def theirs(capture: Path, fields: Sequence[str]) -> list[str]:
    """The command that prints fields of a capture."""
    named = [word for each in fields for word in ("-e", each)]
    return ["tshark", "-n", "-r", str(capture), "-T", "fields", *named]


def measured(command: Sequence[str], tables: Path) -> tuple[float, float]:
    """Seconds of the processor that a command takes, and the most anonymous memory that it was seen with, in MB.

    `tables` is the folder in which tshark looks for keys.
    """
    before, most = _processor_s(), 0
    environment = os.environ | {"PYTHONPATH": str(TOP), "WIRESHARK_CONFIG_DIR": str(tables)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, **quiet) as process:  # type: ignore[call-overload]  # the checker can't tell keywords that come in a mapping
        while process.poll() is None:
            most = max(most, _anonymous(process.pid))
            try:
                process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                continue
    return _processor_s() - before, most / 1024


def _processor_s() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _anonymous(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def audit_ratio(
    datagrams: int = LONG, short: int = SHORT, sealed: int = SEALED, *, pairs: int = 3
) -> list[Row] | str:
    """Datagrams a second of ours and of tshark with their ratio, without keys and with them; and anonymous memory for a
    long and a short capture.
    """
    if shutil.which("tshark") is None:
        return "tshark is not installed"
    with TemporaryDirectory() as folder:
        capture = Path(folder, "crowd.pcap")
        found = []
        for share in SHARES:
            Crowd(datagrams, offending=share).write(capture)
            row, most = _beside(capture, datagrams, pairs)
            found.append((f"audit of {datagrams:,} datagrams, {share:.0%} of the SAs offend", *row))
            Crowd(short, offending=share).write(capture)
            least = measured(ours(capture), capture.parent)[1]
            found.append((f"its memory in MB, beside that of {short:,}", most, least, most / least))
        write_sealed(capture, sealed)
        row, _ = _beside(capture, sealed, pairs, (*FIELDS, *INNER))
        found.append((f"audit of {sealed:,} datagrams whose keys are known", *row))
    return found


def _beside(
    capture: Path, datagrams: int, pairs: int, fields: Sequence[str] = FIELDS
) -> tuple[tuple[float, float, float], float]:
    """Medians of both in alternating pairs, and their ratio; and the most memory that ours took."""
    seconds, memory, others = list[float](), list[float](), list[float]()
    for _ in range(pairs):
        mine, most = measured(ours(capture), capture.parent)
        seconds.append(mine)
        memory.append(most)
        others.append(measured(theirs(capture, fields), capture.parent)[0])
    mine, other = _median(seconds), _median(others)
    return (datagrams / mine, datagrams / other, other / mine), max(memory)


if __name__ == "__main__":
    told = audit_ratio()
    for row in [(told, 0, 0, 0)] if isinstance(told, str) else told:
        print(f"{row[0]:60} {row[1]:10.0f} {row[2]:10.0f} {row[3]:6.2f}")
