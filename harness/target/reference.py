"""The reference responder as a target: in process on a virtual link, as its own process on real sockets."""

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import __version__
from harness.clock import Entropy
from harness.codes import Trigger
from harness.profile import Configuration, toml
from harness.responder import HONEST, Cluster, Responder, device
from harness.responder.deviants import DEVIANTS
from harness.target.contract import TRIGGERS, Addresses, NotApplicable, TargetUnavailable, endpoint
from harness.wire.datagram import Endpoint

WELL_KNOWN = 500
START_S = 30.0
"""How long the process may take until it listens."""
STOP_S = 5.0
"""How long it may take to end before it is killed."""
ANSWER_S = 10.0
"""How long its control socket may take to answer."""
ABILITIES = TRIGGERS | {
    "responder",
    "psk",
    "certificates",
    "eap",
    "null-auth",
    "ppk",
    "v2",
    "v1-main",
    "v1-aggressive",
    "cookies",
    "inner-addresses",
    "redirect",
    "mobike",
    "resumption",
    "crash-detection",
    "auth-lifetime",
    "childless",
    "puzzles",
    "tcp-encapsulation",
    "intermediate",
    "additional-key-exchanges",
    "configure",
    "two-way",
    "provoke",
    "show-sas",
    "standby",
    "data",
}


class Reference:
    """The responder of this project; `deviant` names a rule that it breaks, None: none."""

    def __init__(self, deviant: str | None = None) -> None:
        self._deviant = deviant
        self._rules = HONEST if deviant is None else DEVIANTS[deviant].rules
        self._process: subprocess.Popen[str] | None = None
        self._place: tempfile.TemporaryDirectory[str] | None = None

    @property
    def name(self) -> str:
        """`reference`, or `deviant:NAME`."""
        return f"deviant:{self._deviant}" if self._deviant else "reference"

    @property
    def version(self) -> str:
        """The version of this project."""
        return __version__

    @property
    def abilities(self) -> frozenset[str]:
        """What this responder can, and can be made to do."""
        return ABILITIES

    def device(self, configuration: Configuration, entropy: Entropy) -> Responder | Cluster:
        """A fresh responder without sockets."""
        return device(
            configuration,
            entropy,
            self._rules,
            local=Endpoint(configuration.local_address, 500),
            peer=Endpoint(configuration.peer, 500) if configuration.peer else None,
        )

    def start(self, configuration: Configuration, peer: Endpoint) -> Addresses:
        """Start a fresh process on the configuration's own address and wait until it listens.

        It takes ports 500 and 4500 if the peer has port 500, else free ones.
        """
        self.stop()
        self._place = tempfile.TemporaryDirectory(prefix="ike-harness-")
        place = Path(self._place.name)
        settings = place / "configuration.json"
        settings.touch(0o600)
        settings.write_text(toml.show_json(configuration), encoding="utf-8")
        self._process = self._spawn(settings, configuration.local_address, peer)
        told = self._first_line()
        return Addresses(endpoint(told["ike"]), endpoint(told["natt"]))

    def stop(self) -> None:
        """Ask the process to end; kill it if it does not."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        if self._place is not None:
            self._place.cleanup()
            self._place = None

    def provoke(self, trigger: Trigger) -> str:
        """Cause a local event through the control socket."""
        if trigger not in TRIGGERS:
            raise NotApplicable(f"the reference knows no trigger {trigger}")
        return str(self._ask({"do": "provoke", "trigger": str(trigger)})["outcome"])

    def show_sas(self) -> list[dict[str, Any]]:
        """The SAs, as the control socket shows them."""
        shown: list[dict[str, Any]] = self._ask({"do": "show"})["sas"]
        return shown

    def crashed(self) -> str | None:
        """The exit status of a process that ended by itself."""
        if self._process is None or self._process.poll() is None:
            return None
        return f"the process ended with status {self._process.returncode}"

    def _spawn(self, settings: Path, address: str, peer: Endpoint) -> subprocess.Popen[str]:
        port, nat_port = ("500", "4500") if peer.port == WELL_KNOWN else ("0", "0")
        command = [
            *(sys.executable, "-m", "harness.cli", "responder", "--json", "--stop-with-stdin"),
            *("--stop-wait", "0"),
            *("--config", str(settings), "--control", str(self._control)),
            *("--listen", address, "--port", port, "--nat-port", nat_port, "--tcp-port", "--peer", str(peer)),
            *(("--deviant", self._deviant) if self._deviant else ()),
        ]
        package = Path(__file__).parent.parent.parent
        paths = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        )

    @property
    def _control(self) -> Path:
        assert self._place is not None
        return Path(self._place.name) / "control"

    def _first_line(self) -> Mapping[str, str]:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        ready, _, _ = select.select([process.stdout], [], [], START_S)
        line = process.stdout.readline() if ready else ""
        if line:
            told: Mapping[str, str] = json.loads(line)
            return told
        process.kill()
        last = process.stderr.read().strip().rpartition("\n")[2]
        self.stop()
        raise TargetUnavailable(last or f"the reference responder did not listen within {START_S:.0f} s")

    def _ask(self, order: Mapping[str, str]) -> Mapping[str, Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as talker:
            talker.settimeout(ANSWER_S)
            try:
                talker.connect(str(self._control))
                talker.sendall(json.dumps(order).encode() + b"\n")
                line = talker.makefile("rb").readline()
            except OSError as why:
                raise TargetUnavailable(f"the control socket does not answer: {why}") from why
        answer: Mapping[str, Any] = json.loads(line) if line else {"ok": False, "why": "it hung up"}
        if not answer["ok"]:
            raise TargetUnavailable(f"the control socket refused {order['do']}: {answer['why']}")
        return answer
