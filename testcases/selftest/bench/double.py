"""A device that a test knows by its address alone: the reference responder as its own process, and a target file for it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.profile import Configuration, Identity
from harness.profile.toml import show

ROOT = Path(__file__).parents[3]
PEER, STRANGER = Identity("fqdn", "tester.example"), Identity("fqdn", "control.example")
DEVICE = Identity("fqdn", "edge.example")
PSK, STRANGERS_PSK = b"sesame-of-the-lab", b"barley-of-the-lab"
TELL = """\
import json, socket, sys
with socket.socket(socket.AF_UNIX) as talker:
    talker.connect(sys.argv[1])
    talker.sendall(json.dumps({"do": "provoke", "trigger": sys.argv[2]}).encode() + b"\\n")
    told = json.loads(talker.makefile().readline())
print(told.get("outcome", told))
sys.exit(not told["ok"])
"""


@dataclass
class Double:
    """The running device, and where it is told things."""

    process: subprocess.Popen[str]
    control: Path
    place: Path
    listens: dict[str, Any]

    def tell(self, trigger: str) -> str:
        """The command for a shell that lets a local event happen to it."""
        script = self.place / "tell.py"
        script.write_text(TELL)
        return f"{sys.executable} {script} {self.control} {trigger}"

    @property
    def alive(self) -> str:
        """The command for a shell that succeeds as long as it lives."""
        return f"grep -q '^State:.[^Z]' /proc/{self.process.pid}/status"

    def sas(self) -> list[Any]:
        """The SAs that it holds."""
        with socket.socket(socket.AF_UNIX) as talker:
            talker.connect(str(self.control))
            talker.sendall(b'{"do": "show"}\n')
            shown: list[Any] = json.loads(talker.makefile().readline())["sas"]
        return shown

    def kill(self) -> None:
        """Let it die, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def about(self) -> str:
        """What stands in [target] of its file."""
        address, _, port = self.listens["ike"].rpartition(":")
        return (
            f'name = "edge-1"\nkind = "remote"\naddress = "{address.strip("[]")}"\nport = {port}\n'
            f"nat_port = {self.listens['natt'].rpartition(':')[2]}\n"
            'configured_as = "strict"\nike = ["v2", "v1-main", "v1-aggressive"]\n'
        )

    def file(self, **tables: str) -> Path:
        """A target file for it; `tables` are added, or take the place of those of the same name."""
        identity = f'local_id = "fqdn:{DEVICE}"\nremote_id = "fqdn:{PEER}"\npsk = "{PSK.decode()}"\n'
        whole = {"target": self.about, "identity": identity, **tables}
        file = self.place / "edge.toml"
        file.write_text("\n".join(f"[{name}]\n{body}" for name, body in whole.items()))
        return file


def start(configuration: Configuration, place: Path, *words: str, within: Sequence[str] = ()) -> Double:
    """Start the device `within` whatever leads to where it stands; `words` say where it listens."""
    settings, control = place / "double.toml", place / "double.ctl"
    settings.write_text(show(configuration))
    process = subprocess.Popen(
        [
            *within,
            *(sys.executable, "-m", "harness.cli", "responder", "--json"),
            *("--config", str(settings), "--control", str(control), *words),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.stdout.close()
    return Double(process, control, place, json.loads(line))
