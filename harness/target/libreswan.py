"""A Libreswan at one end: its pluto, and the orders that `ipsec whack` gives it."""

import re
import subprocess
from contextlib import suppress

from harness.codes import Trigger
from harness.profile import PROFILES, Configuration, Start
from harness.profile.credentials import Credentials
from harness.profile.libreswan import NICKNAME, SAYS, ipsec_conf, ipsec_secrets, switches, unfit
from harness.profile.switches import Switch
from harness.profile.ways import WAYS, Way, own_way, speaks
from harness.target.containers import pkcs12
from harness.target.contract import TargetUnavailable
from harness.target.daemon import PLACE, ChildSa, IkeDaemon, IkeSa
from harness.target.namespaces import STOP_S, wait_until

_NSS = "/var/lib/ipsec/nss"
_LISTENS = "loading secrets from"
"""What it logs after its sockets are open, at the end of its start."""
_LOADED_S = 5.0
"""How long it may take to read its connections."""


class Libreswan(IkeDaemon):
    """One pluto and the commands that drive it."""

    kind = "libreswan"
    shims = ("xfrmtime", "xfrmfake", "espintcpfake")
    abilities = frozenset(
        {
            *("v2", "v1-main", "v1-aggressive", "certificates", "null-auth"),
            *("ppk", "cookies", "intermediate", "childless"),
        }
    )
    says = SAYS
    orders = frozenset({Trigger.RELOAD, Trigger.CLEAR, Trigger.OPERATOR_INITIATE})
    shim_orders = frozenset({Trigger.SOFT_EXPIRY, Trigger.HARD_EXPIRY})
    limits_volume = False
    _boots = False
    """Whether a two-way one starts as soon as it is there."""

    @classmethod
    def unfit(cls, configuration: Configuration) -> str:
        """What of a configuration it can't be, in words."""
        return super().unfit(configuration) or unfit(configuration)

    def switches(self) -> tuple[Switch, ...]:
        """Those of the connection by which it would start something."""
        way = own_way(self._configuration)
        return switches(self._configuration, way, boots=self._boots, serves=self.under_test)

    def order(self, trigger: Trigger) -> str:
        """What an operator would tell it; its file says by then what a two-way one is to start."""
        match trigger:
            case Trigger.CLEAR:
                return "; ".join(self._told("--asynchronous", "--deletestate", sa.name) for sa in self.sas())
            case Trigger.RELOAD:
                self._write_connections(boots=True)
                self.end.run("ipsec", "addconn", "--autoall")
                return "ipsec addconn --autoall"
            case Trigger.OPERATOR_INITIATE:
                return self._told("--initiate", "--asynchronous", "--name", own_way(self._configuration))
            case Trigger.SOFT_EXPIRY | Trigger.HARD_EXPIRY:
                return self.expire(trigger)
        return super().order(trigger)

    def boot(self, configuration: Configuration) -> None:
        """A two-way one starts at once this time."""
        self._boots = True
        super().boot(configuration)

    def command(self) -> tuple[str, ...]:
        """The daemon itself, without the scripts around it; `further` has more of its options under `pluto`."""
        options = self.further.get("pluto", ())
        return ("/usr/libexec/ipsec/pluto", "--config", "/etc/ipsec.conf", "--nofork", *options)

    def prepare(self, configuration: Configuration) -> None:
        """Its two files, and a key store with what it signs by and whom it trusts."""
        self._configuration = configuration
        self.path("pluto.log").unlink(missing_ok=True)
        self._ways = [way for way in WAYS if speaks(configuration, way)] if self.own is None else []
        self._write_connections(boots=self._boots)
        self.write("/etc/ipsec.secrets", ipsec_secrets(configuration, serves=self.under_test))
        self.end.run("mkdir", "--parents", f"{PLACE}/pluto", _NSS)
        if not self.path(f"{_NSS}/cert9.db").exists():
            self._certutil("-N", "--empty-password")
            self._import(configuration.credentials or Credentials())

    def is_ready(self) -> bool:
        """It says so in its log."""
        return _LISTENS in self.log()

    def load(self) -> None:
        """It adds its connections by itself; one that it can't read is added again, for the reason to show."""
        with suppress(TargetUnavailable):
            wait_until(lambda: not self._missing(), _LOADED_S, "its connections")
        for way in self._missing():
            self.end.run("ipsec", "auto", "--add", way)
        if self.own is None and self.under_test and Start.IKE_SA in PROFILES[self._configuration.profile].may:
            self._whack("--route", "--name", own_way(self._configuration))

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

    def _write_connections(self, *, boots: bool) -> None:
        self.write(
            "/etc/ipsec.conf",
            self.own
            or ipsec_conf(
                self._configuration, PLACE, boots=boots, serves=self.under_test, further=self.further
            ),
        )

    def _missing(self) -> list[Way]:
        """Those that are not there yet; of a user's own connections nobody knows the names."""
        log = self.log()
        return [way for way in self._ways if f'"{way}": added IKEv' not in log]

    def _import(self, credentials: Credentials) -> None:
        for number, octets in enumerate(credentials.anchors):
            self.write("anchor", octets)
            self._certutil("-A", "-n", f"anchor{number}", "-t", "CT,,", "-i", f"{PLACE}/anchor")
        if credentials.chain:
            self.write("own.p12", pkcs12(credentials, NICKNAME))
            self.end.run("pk12util", "-i", f"{PLACE}/own.p12", "-d", f"sql:{_NSS}", "-W", "")

    def _certutil(self, *words: str) -> None:
        self.end.run("certutil", *words, "-d", f"sql:{_NSS}")

    def _told(self, *words: str) -> str:
        self._whack(*words)
        return f"ipsec whack {' '.join(words)}"

    def _whack(self, *words: str) -> str:
        return self.end.run("ipsec", "whack", *words)


_IKE = re.compile(r"^000 #(\d+): .*\((?:established IKE SA|IKE SA established)\)", re.M)
_OWNER = re.compile(r"^000 #(\d+): .*; (?:IKE|ISAKMP) SA #(\d+)", re.M)
_SPIS = re.compile(r"^000 #(\d+): .* esp[.:](\w+)@\S+ esp[.:](\w+)@", re.M)
