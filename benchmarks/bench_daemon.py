"""How many IKE_SA_INITs a second our daemon answers, beside strongSwan's charon, each in a namespace of its own."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench_codec import Row, _median
from harness.profile import DEFAULT, Configuration, Defence, Identity
from harness.profile.written import write
from harness.target.contract import TargetUnavailable
from harness.target.namespaces import End, Network, end_process
from harness.target.packages import fetch
from harness.target.strongswan import Strongswan

DEVICE, PEER = "10.9.0.1", "10.9.0.2"
TOP = Path(__file__).parents[1]
LISTEN_S = 20.0
QUIET = (
    "ikesa_table_size = 4096",
    "ikesa_table_segments = 16",
    "filelog {",
    "charon-log {",
    *(f"{each} = -1" for each in ("default", "ike", "cfg", "knl")),
    "}",
    "}",
)
"""A log written line by line would be charon's speed, and so would one list of thousands of half-open SAs."""


def _configuration() -> Configuration:
    return replace(
        DEFAULT,
        proposals_v2=DEFAULT.proposals_v2[:1],
        local_address=DEVICE,
        peer=PEER,
        local_id=Identity("ipv4", DEVICE),
        remote_id=Identity("ipv4", PEER),
        defence=Defence(half_open=10_000_000),
    )


def _ours(end: End, place: Path, ended: ExitStack) -> None:
    settings = place / "device.json"
    settings.write_text(json.dumps(write(_configuration())))
    words = (sys.executable, "-m", "harness.cli", "responder", "--json", "--config", str(settings))
    process = end.spawn(
        *words, "--listen", DEVICE, environment={"PYTHONPATH": str(TOP)}, errors=subprocess.DEVNULL
    )
    ended.callback(end_process, process)
    assert process.stdout is not None
    if not process.stdout.readline():
        raise TargetUnavailable("the responder did not start")


def _charon(network: Network, ended: ExitStack) -> None:
    charon = Strongswan(
        network.near, fetch("strongswan"), fake_esp=network.lacks_esp(), further={"charon": QUIET}
    )
    ended.callback(charon.stop)
    charon.start(_configuration())


def _answers_a_second(end: End, seconds: float, round_: int) -> float:
    """Full answers a second to one load generator; TargetUnavailable if any other came."""
    load = (sys.executable, str(TOP / "benchmarks" / "load.py"), DEVICE, "500", str(seconds), str(round_))
    told = end.run("env", f"PYTHONPATH={TOP}", *load, seconds=seconds + LISTEN_S)
    full, other = map(int, told.split())
    if other or not full:
        raise TargetUnavailable(f"{full} full answers and {other} others")
    return full / seconds


def daemon_ratio(*, seconds: float = 2.0, pairs: int = 5) -> list[Row] | str:
    """IKE_SA_INITs a second of ours and of charon (medians of alternating pairs) and the ratio, or why there is none."""
    if os.geteuid() != 0:
        return "it needs root, for network namespaces"
    try:
        with ExitStack() as ended:
            place = Path(ended.enter_context(TemporaryDirectory()))
            one, other = (ended.enter_context(Network(DEVICE, PEER)) for _ in range(2))
            _ours(one.near, place, ended)
            _charon(other, ended)
            rates = [
                (_answers_a_second(one.far, seconds, each), _answers_a_second(other.far, seconds, each))
                for each in range(pairs)
            ]
    except TargetUnavailable as why:
        return str(why)
    name = "IKE_SA_INIT answered over UDP, group 31"
    return [
        (name, *(_median([pair[i] for pair in rates]) for i in (0, 1)), _median([a / b for a, b in rates]))
    ]
