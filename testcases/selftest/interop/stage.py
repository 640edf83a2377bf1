"""What a conversation is made of: a capture, the reference responder and a foreign daemon on one network."""

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.profile import DEFAULT, Configuration, Identity
from harness.profile.ios import show
from harness.profile.toml import show_json
from harness.target.daemon import PLACE, IkeDaemon
from harness.target.namespaces import INTERFACE, End, Network, end_process, wait_until
from harness.target.packages import Prefix

DEVICE, PEER = "10.9.0.1", "10.9.0.2"
CONFIGURATION = replace(
    DEFAULT,
    local_address=DEVICE,
    peer=PEER,
    local_id=Identity("ipv4", DEVICE),
    remote_id=Identity("ipv4", PEER),
    local_subnets=("172.16.1.0/24",),
    remote_subnets=("172.16.2.0/24",),
)
"""What the responder is configured to be; mirrored, what the daemon is."""
IKE = "udp port 500 or port 4500 or esp or ip[6:2] & 0x1fff != 0 or ip6[6] == 44"
"""A fragment of an IP datagram that is not its first has no ports."""
LAST_PORT = 9
"""The discard service (RFC 863): a datagram to it is the last thing that a capture holds."""
LAST_WORDS = b"nothing comes after this"
SOON_S = 20.0
RESPONSE = 0x20
"""The R flag (RFC 7296 section 3.1)."""


class Tcpdump:
    """A capture taken at one end."""

    def __init__(self, end: End, path: Path, other: str) -> None:
        self._end, self._path, self._other = end, path, other
        self._process = end.spawn(
            *("tcpdump", "--immediate-mode", "-U", "-n", "-i", INTERFACE, "-w", str(path)),
            *("-Z", "root", f"{IKE} or udp port {LAST_PORT}"),
            output=subprocess.DEVNULL,
        )

    def listen(self) -> None:
        """Wait until nothing is missed any more."""
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        assert "listening on" in line, line

    def finish(self) -> None:
        """Wait until everything that went over the cable before this call is on file."""
        said = f"printf %s '{LAST_WORDS.decode()}' > /dev/udp/{self._other}/{LAST_PORT}"
        self._end.run("bash", "-c", said)
        wait_until(lambda: LAST_WORDS in self._path.read_bytes(), SOON_S, "the end of the capture")

    def stop(self) -> int:
        """End it; its exit status."""
        return end_process(self._process)


class Responder:
    """`ike-harness responder` at one end, configured by IOS text or, where that has no words, by JSON."""

    def __init__(
        self, end: End, configuration: Configuration, place: Path, *options: str, as_ios: bool = False
    ) -> None:
        self.keys = place / "keys"
        self.events = place / "events.jsonl"
        place.mkdir(exist_ok=True)
        settings = place / ("device.ios" if as_ios else "device.json")
        settings.write_text(show(configuration) if as_ios else show_json(configuration))
        control = f"{PLACE}/{place.name}.control"
        self._control = end.path(control)
        self.process = end.spawn(
            *(sys.executable, "-m", "harness.cli", "responder", "--json", "--config", str(settings)),
            *("--listen", configuration.local_address, "--control", control),
            *("--keys", str(self.keys), "--log", str(self.events), *options),
            errors=subprocess.DEVNULL,
        )

    def listen(self) -> None:
        """Wait until its ports are open."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the responder ended with status {self.process.wait(SOON_S)}"

    def ask(self, **order: str) -> dict[str, Any]:
        """What it answers on its control socket."""
        with socket.socket(socket.AF_UNIX) as talker:
            talker.settimeout(SOON_S)
            talker.connect(str(self._control))
            talker.sendall(json.dumps(order).encode() + b"\n")
            answer: dict[str, Any] = json.loads(talker.makefile().readline())
        return answer

    def sas(self) -> list[dict[str, Any]]:
        """Its IKE SAs; one that is not up only repeats its last answers (RFC 7296 section 2.1)."""
        found: list[dict[str, Any]] = self.ask(do="show")["sas"]
        return found

    def heard(self, exchange: str, *, response: bool) -> bool:
        """Whether a message of this exchange came, with this R flag; version 1 has none."""
        lines = map(json.loads, self.events.read_text().splitlines())
        received = [
            each for each in lines if each["event"] == "received" and each.get("exchange") == exchange
        ]
        return any(
            bool(each["flags"] & RESPONSE) == response for each in received if each["version"] == 2
        ) or any(each["version"] == 1 for each in received)

    def kill(self) -> None:
        """End it as a crash would: it tells nobody."""
        self.process.kill()
        self.process.wait(SOON_S)

    def stop(self) -> int:
        """End it; its exit status."""
        return end_process(self.process)


@dataclass
class Stage:
    """Starts processes on a network, and ends them with itself."""

    place: Path
    prefixes: Mapping[str, Prefix]
    ended: ExitStack = field(default_factory=ExitStack)

    @property
    def capture(self) -> Path:
        """What `dump` takes down."""
        return self.place / "conversation.pcap"

    def dump(self, network: Network) -> Tcpdump:
        """A capture at the near end."""
        dump = Tcpdump(network.near, self.capture, network.far.address)
        self.ended.callback(dump.stop)
        dump.listen()
        return dump

    def responder(
        self,
        network: Network,
        configuration: Configuration = CONFIGURATION,
        *options: str,
        as_ios: bool = False,
        place: str = "",
    ) -> Responder:
        """A reference responder at the near end, with further options of its command; its files in a `place`."""
        device = Responder(network.near, configuration, self.place / place, *options, as_ios=as_ios)
        self.ended.callback(device.stop)
        device.listen()
        return device

    def daemon(
        self,
        kind: type[IkeDaemon],
        network: Network,
        configuration: Configuration = CONFIGURATION,
        further: Mapping[str, tuple[str, ...]] | None = None,
    ) -> IkeDaemon:
        """A foreign daemon at the far end, configured to meet a responder that is `configuration`."""
        prefix = self.prefixes[kind.kind]
        peer = kind(network.far, prefix, fake_esp=network.lacks_esp(), further=further or {})
        self.ended.callback(peer.stop)
        peer.start(configuration.mirrored())
        return peer
