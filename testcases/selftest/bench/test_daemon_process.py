"""The responder as a process of its own, and peers on real sockets: many peers, show, log, reload, restart, good-byes."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clock import SystemEntropy
from harness.codes import Exchange, NotifyType, NotifyTypeV1, ProfileName
from harness.peer import Initiator, Request, Send
from harness.profile import DEFAULT, Configuration, CrashDetection, Identity, Peer
from harness.profile.toml import show_json
from harness.target.contract import endpoint
from harness.wire import Message, decode, v1, v2
from harness.wire.datagram import Datagram, Endpoint

ROOT = Path(__file__).parents[3]
BOB = Peer(Identity("fqdn", "bob.example"), None, b"the-key-of-bob", remote_subnets=("10.3.0.0/16",))
HUB = replace(DEFAULT, peer=None, further_peers=(BOB,))
PATIENCE_S = 10.0

pytestmark = pytest.mark.slow  # each test starts a process


class Served:
    """A daemon in a process of its own."""

    def __init__(self, place: Path, *listen: str, configuration: Configuration = HUB) -> None:
        self.config, self.control, self.log = (place / name for name in ("device.json", "control", "log"))
        self.configure(configuration)
        self.listen = listen or ("127.0.0.1",)
        self.ports = (0, 0)
        self.start()

    def configure(self, configuration: Configuration) -> None:
        """Write the configuration file anew."""
        self.config.write_text(show_json(configuration))

    def start(self) -> None:
        """Start it, on the ports that it had before if it had any."""
        command = [sys.executable, "-m", "harness.cli", "responder", "--json", "--stop-with-stdin"]
        command += [
            "--stop-wait",
            "0.5",
            "--config",
            str(self.config),
            "--control",
            str(self.control),
            "--log",
            str(self.log),
        ]
        command += ["--port", str(self.ports[0]), "--nat-port", str(self.ports[1])]
        command += [word for address in self.listen for word in ("--listen", address)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.listening = [endpoint(each) for each in told["listening"]]
        self.ike, self.natt = endpoint(told["ike"]), endpoint(told["natt"])
        self.ports = (self.ike.port, self.natt.port)

    def end(self) -> int:
        """End it, however it does; its exit status."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(PATIENCE_S)

    def ask(self, **order: str) -> dict[str, Any]:
        """What the control socket answers."""
        with socket.socket(socket.AF_UNIX) as talker:
            talker.settimeout(PATIENCE_S)
            talker.connect(str(self.control))
            talker.sendall(json.dumps(order).encode() + b"\n")
            answer: dict[str, Any] = json.loads(talker.makefile().readline())
            return answer

    def events(self) -> list[str]:
        """The names of the events in its log."""
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]


class Caller:
    """A peer with a socket."""

    def __init__(self, view: Configuration, there: Endpoint, natt: Endpoint) -> None:
        family = socket.AF_INET6 if ":" in there.address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        here = Endpoint(*self.socket.getsockname()[:2])
        self.end = Initiator(
            "caller", view.mirrored(), SystemEntropy(), here, Endpoint(here.address, 4500), there, natt
        )
        self.heard: list[Message] = []

    def play(self, script: Any) -> Any:
        """Perform a script; its result."""
        result = None
        while True:
            try:
                action = script.send(result)
            except StopIteration as done:
                return done.value
            result = self.act(action)

    def act(self, action: Any) -> Message | None:
        """Perform an action; the answer to it."""
        if not isinstance(action, Request | Send):
            return None
        self.socket.sendto(action.data, tuple(action.destination))
        return self.listen(action.answered_by) if isinstance(action, Request) else None

    def listen(self, wanted: Any) -> Message | None:
        """Answer what comes until the message that is wanted is among it; None if it doesn't come."""
        end = time.monotonic() + PATIENCE_S
        while select.select([self.socket], [], [], max(0.0, end - time.monotonic()))[0]:
            data, source = self.socket.recvfrom(65535)
            received = self.end.receive(Datagram(Endpoint(*source[:2]), self.end.local, data), 0.0)
            for reply in received.send:
                self.socket.sendto(reply.data, tuple(reply.destination))
            if received.message is not None:
                self.heard.append(received.message)
                if wanted(received.message):
                    return received.message
        return None

    def raw(self, data: bytes, there: Endpoint) -> Message:
        """What is answered to these octets, as it is on the wire."""
        self.socket.settimeout(PATIENCE_S)
        self.socket.sendto(data, tuple(there))
        message = decode(self.socket.recv(65535))
        assert isinstance(message, Message)
        return message


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A strict daemon with a peer of each kind, on IPv4 and IPv6."""
    daemon = Served(tmp_path, "127.0.0.1", "::1")
    yield daemon
    daemon.process.kill()
    daemon.end()


@pytest.fixture
def callers(served: Served) -> Iterator[list[Caller]]:
    """Both peers of the daemon."""
    made = [Caller(view, served.ike, served.natt) for view in HUB.each_peer()]
    yield made
    for each in made:
        each.socket.close()


def test_it_serves_many_peers_by_their_own_keys(served: Served, callers: list[Caller]) -> None:
    """Two peers with two keys have their SAs at once, each in both versions of IKE."""
    for caller in callers:
        caller.play(caller.end.connect())
        caller.play(caller.end.aggressive_mode())
        caller.play(caller.end.quick_mode())

    shown = served.ask(do="show")["sas"]
    assert sorted((sa["ike"], sa["peer"], sa["up"]) for sa in shown) == [
        (1, "192.0.2.2", True),
        (1, "bob.example", True),
        (2, "192.0.2.2", True),
        (2, "bob.example", True),
    ]


def test_show_tells_all_but_keys(served: Served, callers: list[Caller]) -> None:
    """State, role, profile, suite by name, child with selectors, and what its timers are for."""
    callers[1].play(callers[1].end.connect())

    (sa,) = served.ask(do="show")["sas"]

    assert (sa["state"], sa["role"], sa["profile"]) == ("established", "responder", "strict")
    assert sa["suite"] == ["ENCR_AES_GCM_16-256", "PRF_HMAC_SHA2_256", "CURVE25519"]
    assert {each["for"] for each in sa["timers"]} >= {"ike-hard", "child-hard"}
    (child,) = sa["children"]
    assert (child["local"], child["remote"]) == (["198.51.100.0/24"], ["10.3.0.0/16"])
    assert (child["traffic"]["sent"], child["traffic"]["octets_in"]) == (0, 0)
    secrets = [value for keys in callers[1].end.secrets() for value in keys.values() if len(str(value)) > 31]
    assert secrets
    assert not [secret for secret in secrets if str(secret) in json.dumps(sa)]


def test_it_answers_ipv6(served: Served) -> None:
    """A second address, of the other family, is served as the first is."""
    there = next(each for each in served.listening if ":" in each.address)
    caller = Caller(HUB.each_peer()[1], there, there)

    caller.play(caller.end.connect())
    caller.socket.close()

    assert [sa["local"] for sa in served.ask(do="show")["sas"]] == [str(there)]


def test_the_log_tells_what_happened_and_no_secret(served: Served, callers: list[Caller]) -> None:
    """Datagrams, a drop, and the SA that came up; neither key nor identity proof stands in it."""
    callers[1].play(callers[1].end.connect())
    callers[1].socket.sendto(b"garbage", tuple(served.ike))
    served.ask(do="show")
    served.end()

    wanted = {
        "started",
        "received",
        "answered",
        "dropped",
        "ike-sa up",
        "child-sa up",
        "ike-sa down",
        "stopped",
    }
    assert wanted <= set(served.events())
    text = served.log.read_text()
    assert BOB.psk.decode() not in text
    assert BOB.psk.hex() not in text


def test_a_refused_file_leaves_the_running_configuration(served: Served, callers: list[Caller]) -> None:
    """After a refusal the peers of before are served as before."""
    served.config.write_text('{"speed": 9}')
    told = served.ask(do="reload")
    callers[1].play(callers[1].end.connect())

    assert not told["ok"]
    assert "device.json" in told["why"]
    assert "speed" in told["why"]
    assert [sa["up"] for sa in served.ask(do="show")["sas"]] == [True]


def test_a_reload_without_change_keeps_the_sas(served: Served, callers: list[Caller]) -> None:
    """The same file again deletes nothing and starts nothing."""
    callers[1].play(callers[1].end.connect())

    told = served.ask(do="reload")

    assert told["ok"]
    assert [sa["up"] for sa in served.ask(do="show")["sas"]] == [True]


def test_a_reload_lets_go_of_who_was_changed(served: Served, callers: list[Caller]) -> None:
    """A peer with another key is deleted and waited for; the other one's SA stays."""
    for caller in callers:
        caller.play(caller.end.connect())
    served.configure(replace(HUB, further_peers=(replace(BOB, psk=b"another"),)))

    told = served.ask(do="reload")
    callers[1].listen(lambda message: message.exchange == Exchange.INFORMATIONAL)

    assert told["ok"]
    assert any(delete for message in callers[1].heard for delete in message.all(v2.Delete))
    assert [sa["peer"] for sa in served.ask(do="show")["sas"] if sa["up"]] == ["192.0.2.2"]


def test_responder_only_switched_on_keeps_the_sas(served: Served, callers: list[Caller]) -> None:
    """Another profile alone is no reason to let go of anybody; it holds from then on."""
    callers[0].play(callers[0].end.connect())
    served.configure(replace(HUB, profile=ProfileName.TWO_WAY))

    served.ask(do="reload")

    assert [(sa["up"], sa["profile"]) for sa in served.ask(do="show")["sas"]] == [(True, "two-way")]


def test_a_clean_stop_says_good_bye(served: Served, callers: list[Caller]) -> None:
    """RFC 7296 section 1.4.1: each peer is told by a Delete, and the daemon is gone once it is answered."""
    caller = callers[1]
    caller.play(caller.end.connect())

    assert served.ask(do="stop")["ok"]
    caller.listen(lambda message: bool(message.all(v2.Delete)))

    assert served.process.wait(PATIENCE_S) == 0
    assert served.events()[-1] == "stopped"


def test_a_peer_that_says_nothing_is_not_waited_for_long(served: Served, callers: list[Caller]) -> None:
    """A Delete without an answer holds the end up by seconds at most."""
    callers[1].play(callers[1].end.connect())

    served.ask(do="stop")

    assert served.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("version", [1, 2])
def test_killed_and_started_again_it_says_that_it_knows_nothing(
    served: Served, callers: list[Caller], version: int
) -> None:
    """RFC 7296 sections 1.5 and 2.21.4: INVALID_IKE_SPI in clear; version 1: INVALID-COOKIE; it starts nothing."""
    caller = callers[1]
    caller.play(caller.end.connect() if version == 2 else caller.end.aggressive_mode())
    served.process.kill()
    served.end()
    served.start()
    asked = caller.end.liveness() if version == 2 else next(iter(caller.end.quick_mode()))

    answer = caller.raw(asked.data, served.ike)

    notify = answer.find(v2.Notify) if version == 2 else answer.find(v1.Notify)
    assert notify is not None
    wanted = NotifyType.INVALID_IKE_SPI if version == 2 else NotifyTypeV1.INVALID_COOKIE
    assert notify.notify_type == wanted
    assert served.ask(do="show")["sas"] == []
    assert {"sent"}.isdisjoint(served.events())


def test_a_device_that_detects_crashes_proves_its_own(served: Served, callers: list[Caller]) -> None:
    """RFC 6290 section 4.1: killed and started again it answers with the token that it gave before."""
    served.configure(replace(HUB, crash_detection=CrashDetection((bytes(range(32)),))))
    served.ask(do="reload")
    caller = callers[1]
    caller.play(caller.end.connect())
    given = [token for message in caller.heard for token in _tokens(message)]
    served.process.kill()
    served.end()
    served.start()

    answer = caller.raw(caller.end.liveness().data, served.ike)

    assert answer.find(v2.Notify, NotifyType.INVALID_IKE_SPI) is not None
    assert _tokens(answer) == given
    assert len(given) == 1


def _tokens(message: Message) -> list[bytes]:
    return [notify.data for notify in message.all(v2.Notify, NotifyType.QUICK_CRASH_DETECTION)]


def test_a_crypto_map_on_file_is_refused_by_reload(served: Served, callers: list[Caller]) -> None:
    """The seed's restriction holds for a running daemon: line and reason, and nothing changes."""
    config = served.config.with_suffix(".ios")
    config.write_text("crypto ipsec profile vti set transform-set 3dessha responder-only\n")
    served.process.kill()
    served.end()
    served.config = config
    served.start()
    config.write_text("crypto dynamic-map spokes 10\n responder-only\n")

    told = served.ask(do="reload")

    assert told["why"].startswith(f"{config}:2: `responder-only` is configured under `crypto ipsec profile`")
    assert served.ask(do="show")["ok"]


def test_strays_are_answered_at_a_bounded_rate(served: Served, callers: list[Caller]) -> None:
    """RFC 7296 section 2.21.4: a flood under unknown SPIs gets few notifies, and the daemon goes on."""
    caller = callers[1]
    caller.play(caller.end.connect())
    served.process.kill()
    served.end()
    served.start()
    asked = caller.end.liveness()
    for _ in range(500):
        caller.socket.sendto(asked.data, tuple(served.ike))

    caller.play(caller.end.ike_sa_init())
    caller.socket.setblocking(False)
    strays = [m for m in caller.heard if m.exchange == Exchange.INFORMATIONAL]

    assert len(strays) <= 30
    assert served.ask(do="show")["ok"]
