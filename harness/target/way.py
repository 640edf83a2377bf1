"""The way from here to an address: where it begins, and over which interface it leads."""

import json
import shutil
import socket
import subprocess
from dataclasses import dataclass

from harness.target.contract import TargetUnavailable

ANY_INTERFACE = ""
"""To a packet socket: all of them."""
ASKED_S = 5.0


@dataclass(frozen=True, slots=True)
class Way:
    """Our address on the way to another, and the interface there; ANY_INTERFACE if nobody can tell it."""

    address: str
    interface: str


def way_to(address: str, begin: str | None = None) -> Way:
    """The way to `address`, from our address `begin` if one is named; TargetUnavailable if there is none. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            if begin is not None:
                probe.bind((begin, 0))
            probe.connect((address, 9))
        except OSError as why:
            start = "here" if begin is None else begin
            raise TargetUnavailable(f"no way leads from {start} to {address}: {why.strerror}") from None
        ours: str = probe.getsockname()[0]
    return Way(ours, _interface(address, ours))


def _interface(address: str, ours: str) -> str:
    if shutil.which("ip") is None:
        return ANY_INTERFACE
    asked = ("ip", "-json", "route", "get", "to", address, "from", ours)
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=ASKED_S, check=True).stdout
        return str(json.loads(told)[0]["dev"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError):
        return ANY_INTERFACE
