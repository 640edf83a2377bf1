"""A Libreswan at one end: its pluto, and the orders that `ipsec whack` gives it."""

import re
import subprocess
from contextlib import suppress

from harness.profile import Configuration
from harness.profile.credentials import Credentials
from harness.profile.libreswan import NICKNAME, ipsec_conf, ipsec_secrets
from harness.profile.ways import WAYS, Way, speaks
from harness.target.containers import pkcs12
from harness.target.daemon import PLACE, ChildSa, IkeDaemon, IkeSa
from harness.target.namespaces import STOP_S

_NSS = "/var/lib/ipsec/nss"
_LISTENS = "loading secrets from"
"""What it logs after its sockets are open, at the end of its start."""


class Libreswan(IkeDaemon):
    """One pluto and the commands that drive it."""

    kind = "libreswan"
    shims = ("xfrmfake", "espintcpfake")

    def command(self) -> tuple[str, ...]:
        """The daemon itself, without the scripts around it; `further` has more of its options under `pluto`."""
        options = self.further.get("pluto", ())
        return ("/usr/libexec/ipsec/pluto", "--config", "/etc/ipsec.conf", "--nofork", *options)

    def prepare(self, configuration: Configuration) -> None:
        """Its two files, and a key store with what it signs by and whom it trusts."""
        self._ways = [way for way in WAYS if speaks(configuration, way)]
        self.write("/etc/ipsec.conf", ipsec_conf(configuration, PLACE, further=self.further))
        self.write("/etc/ipsec.secrets", ipsec_secrets(configuration))
        self.end.run("mkdir", "--parents", f"{PLACE}/pluto", _NSS)
        self._certutil("-N", "--empty-password")
        if configuration.credentials is not None:
            self._import(configuration.credentials)

    def is_ready(self) -> bool:
        """It says so in its log."""
        return _LISTENS in self.log()

    def load(self) -> None:
        """Add each connection; a suite or an identity that it can't read shows here."""
        for way in self._ways:
            self.end.run("ipsec", "auto", "--add", way)

    def initiate(self, way: Way) -> None:
        """Bring up the IKE SA and the child of `way`."""
        self._whack("--initiate", "--name", way)

    def rekey_child(self, way: Way) -> None:
        """Replace the child of `way`; of version 1 it can only be told to make another."""
        self._whack("--rekey-ipsec" if way == "v2" else "--initiate", "--name", way)

    def rekey_ike(self, way: Way) -> None:
        """Replace the IKE SA of `way`; of version 1 by letting the event happen that its lifetime would bring."""
        if way == "v2":
            self._whack("--rekey-ike", "--name", way)
        else:
            self._whack("--asynchronous", "--impair", f"event-sa-replace:{self.sas()[-1].name}")

    def terminate(self, way: Way) -> None:
        """Delete what stands by this connection."""
        self._whack("--terminate", "--name", way)

    def stop(self) -> int | None:
        """Ask it to end by its own command: not every pluto outlives a signal unharmed."""
        if self._process is not None and self.crashed() is None:
            self._whack("--shutdown")
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        return super().stop()

    def listing(self) -> str:
        """What `whack --showstates` prints: a line or two for each SA."""
        return self._whack("--showstates")

    def sas(self) -> list[IkeSa]:
        """A child hangs on the IKE SA that its line names."""
        told = self.listing()
        spis = {number: ChildSa(into.zfill(8), out.zfill(8)) for number, out, into in _SPIS.findall(told)}
        owners = dict(_OWNER.findall(told))
        return [
            IkeSa(
                number,
                tuple(spis[child] for child, owner in owners.items() if owner == number and child in spis),
            )
            for number in _IKE.findall(told)
        ]

    def log(self) -> str:
        """What it logged since its start."""
        return self.read("pluto.log")

    def _import(self, credentials: Credentials) -> None:
        for number, octets in enumerate(credentials.anchors):
            self.write("anchor", octets)
            self._certutil("-A", "-n", f"anchor{number}", "-t", "CT,,", "-i", f"{PLACE}/anchor")
        if credentials.chain:
            self.write("own.p12", pkcs12(credentials, NICKNAME))
            self.end.run("pk12util", "-i", f"{PLACE}/own.p12", "-d", f"sql:{_NSS}", "-W", "")

    def _certutil(self, *words: str) -> None:
        self.end.run("certutil", *words, "-d", f"sql:{_NSS}")

    def _whack(self, *words: str) -> str:
        return self.end.run("ipsec", "whack", *words)


_IKE = re.compile(r"^000 #(\d+): .*\((?:established IKE SA|IKE SA established)\)", re.M)
_OWNER = re.compile(r"^000 #(\d+): .*; (?:IKE|ISAKMP) SA #(\d+)", re.M)
_SPIS = re.compile(r"^000 #(\d+): .* esp[.:](\w+)@\S+ esp[.:](\w+)@", re.M)
