"""strongSwan starts, the reference responder answers: one conversation a way, told to many tests."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.profile import DEFAULT, Configuration, Identity
from harness.profile.ios import show
from harness.profile.strongswan import Way
from harness.target.contract import TargetUnavailable
from harness.target.namespaces import INTERFACE, End, Network, end_process, wait_until
from harness.target.strongswan import PLACE, Strongswan

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
IKE = "udp port 500 or udp port 4500 or esp"
LAST_PORT = 9
"""The discard service (RFC 863): a datagram to it is the last thing that a capture holds."""
LAST_WORDS = b"nothing comes after this"
SOON_S = 10.0


class Tcpdump:
    """A capture taken at one end."""

    def __init__(self, end: End, path: Path) -> None:
        self._end, self._path = end, path
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
        said = f"printf %s '{LAST_WORDS.decode()}' > /dev/udp/{PEER}/{LAST_PORT}"
        self._end.run("bash", "-c", said)
        wait_until(lambda: LAST_WORDS in self._path.read_bytes(), SOON_S, "the end of the capture")

    def stop(self) -> int:
        """End it; its exit status."""
        return end_process(self._process)


class Responder:
    """`ike-harness responder` at one end, configured by IOS text."""

    def __init__(self, end: End, configuration: Configuration, place: Path) -> None:
        self.keys = place / "keys"
        settings = place / "device.ios"
        settings.write_text(show(configuration))
        control = f"{PLACE}/control"
        self._control = end.path(control)
        self.process = end.spawn(
            *(sys.executable, "-m", "harness.cli", "responder", "--json", "--config", str(settings)),
            *("--listen", end.address, "--keys", str(self.keys), "--control", control),
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

    def stop(self) -> int:
        """End it; its exit status."""
        return end_process(self.process)


@dataclass
class Story:
    """What came of one conversation."""

    way: Way
    capture: Path
    keys: Path
    snapshots: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """strongSwan's SAs by the moment: `up`, `child rekeyed`, `ike rekeyed`, `deleted`."""
    log: str = ""
    statuses: dict[str, int | None] = field(default_factory=dict)

    def ikes(self, moment: str) -> list[dict[str, Any]]:
        """The IKE SAs that were up, oldest first; strongSwan keeps one of version 1 that it replaced for a while."""
        up = [sa for sa in self.snapshots[moment] if sa["state"] == "ESTABLISHED"]
        return sorted(up, key=_age)

    def ike(self, moment: str) -> dict[str, Any]:
        """The newest IKE SA that was up."""
        return self.ikes(moment)[-1]

    def children(self, moment: str) -> list[dict[str, Any]]:
        """The children in use of the newest IKE SA, oldest first."""
        return sorted(
            (
                each
                for sa in self.ikes(moment)[-1:]
                for each in sa["child-sas"].values()
                if each["state"] == "INSTALLED"
            ),
            key=_age,
        )

    def child(self, moment: str) -> dict[str, Any]:
        """The newest child in use."""
        return self.children(moment)[-1]


def _age(sa: Mapping[str, str]) -> int:
    return int(sa["uniqueid"])


def why_not() -> str | None:
    """What the machine lacks, in one line; None if nothing."""
    for word in ("tcpdump", "bash"):
        if shutil.which(word) is None:
            return f"{word} is not installed"
    try:
        with Network() as network:
            return Strongswan.missing(fake_esp=network.lacks_esp())
    except TargetUnavailable as why:
        return str(why)


@pytest.fixture(scope="session")
def able() -> None:
    """The machine can do this; if not, the test is skipped."""
    why = why_not()
    if why is not None:
        pytest.skip(f"no real daemon in network namespaces here: {why}")


@pytest.fixture
def network(able: None) -> Iterator[Network]:
    """Two ends and a cable."""
    with Network(DEVICE, PEER) as made:
        yield made


@dataclass
class Stage:
    """Starts daemons on a network, and ends them."""

    place: Path
    ended: ExitStack = field(default_factory=ExitStack)

    def dump(self, network: Network) -> Tcpdump:
        """A capture at the near end, `place`/conversation.pcap."""
        dump = Tcpdump(network.near, self.place / "conversation.pcap")
        self.ended.callback(dump.stop)
        dump.listen()
        return dump

    def responder(self, network: Network, configuration: Configuration = CONFIGURATION) -> Responder:
        """The reference responder at the near end."""
        device = Responder(network.near, configuration, self.place)
        self.ended.callback(device.stop)
        device.listen()
        return device

    def strongswan(self, network: Network) -> Strongswan:
        """A strongSwan at the far end."""
        peer = Strongswan(network.far, CONFIGURATION.mirrored(), fake_esp=network.lacks_esp())
        self.ended.callback(peer.stop)
        peer.start()
        return peer


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Whatever is started on it ends with the test."""
    made = Stage(tmp_path)
    with made.ended:
        yield made


@pytest.fixture(scope="session")
def story(able: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Way], Story]:
    """The conversation of a way; it is held once, whoever asks first, even if it fails."""

    @cache
    def held(way: Way) -> Story | TargetUnavailable:
        stage = Stage(tmp_path_factory.mktemp(way))
        with Network(DEVICE, PEER) as network, stage.ended:
            try:
                return hold(way, network, stage)
            except TargetUnavailable as why:
                return why

    def told(way: Way) -> Story:
        outcome = held(way)
        if isinstance(outcome, TargetUnavailable):
            pytest.fail(str(outcome), pytrace=False)
        return outcome

    return told


@pytest.fixture
def configuration() -> Configuration:
    """What the responder is configured to be, mirrored: what strongSwan is."""
    return CONFIGURATION


def hold(way: Way, network: Network, stage: Stage) -> Story:
    """Bring up, rekey the child, rekey the IKE SA, delete; then both daemons are ended."""
    dump, device, peer = stage.dump(network), stage.responder(network), stage.strongswan(network)
    story = Story(way, stage.place / "conversation.pcap", device.keys)
    peer.initiate(way)
    story.snapshots["up"] = peer.sas()

    peer.rekey_child(way)
    old = story.child("up")["spi-in"]
    _wait(story, peer, "child rekeyed", lambda: story.child("child rekeyed")["spi-in"] != old)

    peer.rekey_ike(way)
    before = story.ike("up")["initiator-spi"]
    _wait(story, peer, "ike rekeyed", lambda: story.ike("ike rekeyed")["initiator-spi"] != before)

    peer.terminate(way)
    story.snapshots["deleted"] = peer.sas()
    wait_until(lambda: not any(sa["up"] for sa in device.sas()), SOON_S, "the end of the responder's SAs")
    dump.finish()
    story.log = peer.log()
    story.statuses = {"strongSwan": peer.stop(), "responder": device.stop()}
    return story


def _wait(story: Story, peer: Strongswan, moment: str, done: Callable[[], bool]) -> None:
    """A rekey is begun by its command; that it is done shows in the SAs."""

    def finished() -> bool:
        story.snapshots[moment] = peer.sas()
        return bool(story.children(moment)) and done()

    wait_until(finished, SOON_S, moment)
