"""An OpenIKED at one end: its iked, and the orders that `ikectl` gives it; it speaks IKEv2 alone."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harness.codes import Trigger
from harness.profile import PROFILES, Configuration, Start
from harness.profile.credentials import Credentials
from harness.profile.openiked import SAYS, iked_conf, switches, unfit
from harness.profile.switches import Switch
from harness.profile.ways import Way
from harness.target.containers import pem_certificate, pem_keys
from harness.target.contract import NotApplicable
from harness.target.daemon import ChildSa, IkeDaemon, IkeSa
from harness.target.namespaces import wait_until

_KEY_SOCKETS = 15
"""The address family of PF_KEY, for which Python has no name."""
_READABLE = 0o644
"""What its user has to read is no secret."""
_DIRECTORIES = tuple(f"/etc/iked/{name}" for name in ("ca", "certs", "crls", "private", "pubkeys"))
_LAST_WORDS = (
    "config_getcompile: compilation done",
    "config_getstatic: no stickyaddress",
    "updated local CERTREQ",
)
"""What it says at the end of its start."""
_UP_S = 20.0
_USER = {
    "passwd": "_iked:x:64999:64999::/var/lib/openiked/empty:/usr/sbin/nologin",
    "group": "_iked:x:64999:",
    "shadow": "_iked:!:::::::",
}
"""Whom it becomes once it has its sockets."""


class OpenIked(IkeDaemon):
    """One iked and the commands that drive it; it rekeys by its lifetimes alone."""

    kind = "openiked"
    shims = ("pfkeyfake",)
    abilities = frozenset({"v2", "certificates", "eap"})
    says = SAYS
    orders = frozenset({Trigger.RELOAD, Trigger.CLEAR, Trigger.OPERATOR_INITIATE})
    shim_hides = frozenset({Trigger.MATCHING_TRAFFIC, Trigger.SECOND_SELECTOR})
    processes: Mapping[int, str] = MappingProxyType({})
    """Those besides the one that was started, by their ids."""
    _two_way = False
    _waits = True
    """Whether a two-way one is held back until there is a reason to start something."""

    @classmethod
    def unfit(cls, configuration: Configuration) -> str:
        """What of a configuration it can't be, in words."""
        return super().unfit(configuration) or unfit(configuration)

    def switches(self) -> tuple[Switch, ...]:
        """Those of the whole of it, and of its policy."""
        waits = self._two_way and self._waits
        return switches(self._configuration, active=self._two_way, waits=waits, serves=self.under_test)

    def order(self, trigger: Trigger) -> str:
        """A two-way one waits for the first of these, then it is as active as its policy says."""
        if self._two_way:
            self.end.run("ikectl", "active")
        match trigger:
            case Trigger.CLEAR:
                return self._ikectl("reset", "sa")
            case Trigger.RELOAD:
                return self._ikectl("reload")
            case Trigger.OPERATOR_INITIATE:
                return self._ikectl("active")
        return super().order(trigger)

    def boot(self, configuration: Configuration) -> None:
        """A two-way one starts at once this time."""
        self._waits = False
        super().boot(configuration)

    def command(self) -> tuple[str, ...]:
        """The daemon in the foreground, telling much: how far it is with its own start, above all."""
        return ("iked", "-d", "-vv", "-f", "/etc/iked.conf")

    def prepare(self, configuration: Configuration) -> None:
        """Its configuration, its user, and the key that it wants even where it has a pre-shared one."""
        self._configuration = configuration
        self.processes = {}
        self._two_way = self.under_test and Start.IKE_SA in PROFILES[configuration.profile].may
        self._write_policy(active=self._two_way, waits=self._two_way and self._waits)
        for name, line in _USER.items():
            known = self.read(f"/etc/{name}")
            if "_iked:" not in known:
                self.path(f"/etc/{name}").write_text(f"{known}{line}\n")
        self.end.run("mkdir", "--parents", "/var/lib/openiked/empty", *_DIRECTORIES)
        self._write_credentials(configuration.credentials or Credentials())

    def is_ready(self) -> bool:
        """Its process for IKEv2 has the last of its settings: before that it answers, but by no policy."""
        log = self.read("output")
        return all(word in log for word in _LAST_WORDS) and self.answers("iked.sock")

    def load(self) -> None:
        """It read its policy at its start; its processes are counted, as it does not tell of one that dies."""
        self.processes = _children(self.pid)

    def crashed(self) -> str | None:
        """Its parent ends in good order when another of its processes died, and may not have seen that yet."""
        ended = super().crashed()
        if ended is not None:
            quietly = self.processes and ended.endswith("status 0")
            return f"{ended}, which it does by itself when one of its processes died" if quietly else ended
        gone = set(self.processes) - set(_children(self.pid)) if self.runs else ()
        return (
            f"{self.kind} lost {', '.join(sorted(self.processes[each] for each in gone))}" if gone else None
        )

    def initiate(self, way: Way) -> None:
        """It starts by itself as soon as its policy is an active one; then that is awaited."""
        _refuse_version_1(way)
        self._read_policy(active=True)
        wait_until(lambda: any(sa.children for sa in self.sas()), _UP_S, "an IKE SA of OpenIKED with a child")

    def rekey_child(self, way: Way) -> None:
        """There is no such order."""
        _refuse_version_1(way)
        raise NotApplicable("OpenIKED rekeys by its lifetimes alone")

    def rekey_ike(self, way: Way) -> None:
        """There is no such order."""
        _refuse_version_1(way)
        raise NotApplicable("OpenIKED rekeys by its lifetimes alone")

    def terminate(self, way: Way) -> None:
        """Delete every IKE SA, of a policy that is passive by then, lest it start again."""
        _refuse_version_1(way)
        self._read_policy(active=False)
        self.end.run("ikectl", "reset", "sa")

    def listing(self) -> str:
        """What `ikectl show sa` prints."""
        return self.end.run("ikectl", "show", "sa")

    def sas(self) -> list[IkeSa]:
        """An inbound SA names its outbound twin."""
        found: list[tuple[str, dict[str, tuple[str, str, str]]]] = []
        for line in self.listing().splitlines():
            if (ike := _IKE.match(line)) is not None:
                found.append((f"{ike['spi_i']}.{ike['spi_r']}", {}))
            elif (child := _CHILD.match(line)) is not None and found:
                found[-1][1][child["at"]] = (child["way"], child["spi"], child["twin"])
        return [IkeSa(name, tuple(_pairs(children))) for name, children in found]

    def log(self) -> str:
        """What it said since its start, without the secrets in it."""
        return _SECRET.sub(r"\1 (hidden)", self.read("output"))

    def needs_shim(self) -> bool:
        """A kernel may have ESP and yet lack PF_KEY."""
        return super().needs_shim() or not _has_key_sockets()

    def _read_policy(self, *, active: bool) -> None:
        self._write_policy(active=active, waits=False)
        self.end.run("ikectl", "load", "/etc/iked.conf")

    def _write_policy(self, *, active: bool, waits: bool) -> None:
        self.write(
            "/etc/iked.conf",
            self.own
            or iked_conf(
                self._configuration, active=active, waits=waits, serves=self.under_test, further=self.further
            ),
        )

    def _ikectl(self, *words: str) -> str:
        self.end.run("ikectl", *words)
        return f"ikectl {' '.join(words)}"

    def _write_credentials(self, credentials: Credentials) -> None:
        private, public = pem_keys(credentials.key or _any_key())
        self.write("/etc/iked/private/local.key", private)
        self.write("/etc/iked/local.pub", public)
        for number, certificate in enumerate(credentials.chain):
            self.write(f"/etc/iked/certs/local{number}.crt", pem_certificate(certificate), _READABLE)
        for number, certificate in enumerate(credentials.anchors):
            self.write(f"/etc/iked/ca/anchor{number}.crt", pem_certificate(certificate), _READABLE)


_IKE = re.compile(r"iked_sas: \S+ rspi 0x(?P<spi_r>\w+) ispi 0x(?P<spi_i>\w+) .* ESTABLISHED ")
_CHILD = re.compile(r"\s+sa_childsas: (?P<at>\S+) ESP 0x(?P<spi>\w+) (?P<way>in|out) .* P=(?P<twin>\S+)")


_SECRET = re.compile(r"""\b(psk|user "[^"]*") \S+""")


def _children(parent: int) -> dict[int, str]:
    """Its other processes by their ids; none of them begins another. One that ended and is not waited for has no title."""
    try:
        ids = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        titles = {int(each): Path(f"/proc/{each}/cmdline").read_bytes().strip(b"\0") for each in ids}
    except FileNotFoundError:
        return {}
    return {number: title.decode(errors="replace") for number, title in titles.items() if title}


def _refuse_version_1(way: Way) -> None:
    if way != "v2":
        raise NotApplicable("OpenIKED speaks IKEv2 alone")


def _pairs(children: dict[str, tuple[str, str, str]]) -> list[ChildSa]:
    return [
        ChildSa(spi_in=spi, spi_out=children[twin][1])
        for way, spi, twin in children.values()
        if way == "in" and twin in children
    ]


def _any_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _has_key_sockets() -> bool:
    try:
        socket.socket(_KEY_SOCKETS, socket.SOCK_RAW, 2).close()
    except OSError:
        return False
    return True
