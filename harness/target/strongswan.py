"""A strongSwan at one end: its charon, and the orders that `swanctl` gives it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from harness.codes import Trigger
from harness.profile import Configuration
from harness.profile.strongswan import (
    CALLS,
    CHILD,
    Role,
    charon_options,
    initiate_command,
    role_of,
    strongswan_conf,
    swanctl_conf,
    switches,
    unfit,
)
from harness.profile.strongswan_proofs import swanctl_files
from harness.profile.switches import Switch
from harness.profile.ways import Way, own_way
from harness.target.contract import TargetUnavailable
from harness.target.daemon import PLACE, ChildSa, IkeDaemon, IkeSa
from harness.target.namespaces import last_line

_SETTINGS = f"{PLACE}/strongswan.conf"
SAYS = frozenset(
    {
        *("profile", "versions", "initiate_version", "initiate_mode", "aggressive"),
        *("proposals_v2", "proposals_v1", "child_proposals", "pfs_group", "children.transport"),
        *("local_id", "remote_id", "local_auth", "remote_auth", "psk", "credentials", "peer_credentials"),
        *("users", "eap_methods", "ppk", "local_address", "peer", "local_subnets", "remote_subnets"),
        *("second_selector", "dpd", "mobility", "exchanges.retransmission", "childless"),
        *("fragments", "version1.fragmentation", "pool"),
        *(f"lifetimes.{kind}_{limit}" for kind in ("ike", "child") for limit in ("soft", "hard")),
        *("lifetimes.child_kilobytes", "lifetimes.half_open"),
    }
)
"""The settings that `swanctl.conf` and `strongswan.conf` have words for."""


class Strongswan(IkeDaemon):
    """One charon and the commands that drive it."""

    kind = "strongswan"
    shims = ("xfrmtime", "xfrmfake")
    abilities = frozenset(
        {
            "v2",
            "v1-main",
            "v1-aggressive",
            "certificates",
            "eap",
            "ppk",
            "mobike",
            "childless",
            "inner-addresses",
        }
    )
    says = SAYS
    orders = frozenset({Trigger.RELOAD, Trigger.CLEAR, Trigger.OPERATOR_INITIATE})
    shim_orders = frozenset({Trigger.SOFT_EXPIRY, Trigger.HARD_EXPIRY})
    userspace_esp: ClassVar[bool] = False
    """Whether it seals its packets by itself, through a TUN device; then it pretends to stand behind a NAT."""
    _configuration: Configuration
    _booted = False

    def command(self) -> tuple[str, ...]:
        """The daemon itself, without the starter."""
        return ("/usr/lib/ipsec/charon",)

    def environment(self) -> Mapping[str, str]:
        """Where its settings lie."""
        return {"STRONGSWAN_CONF": _SETTINGS}

    @classmethod
    def unfit(cls, configuration: Configuration) -> str:
        """What of a configuration it can't be, in words."""
        return super().unfit(configuration) or unfit(configuration)

    def switches(self) -> tuple[Switch, ...]:
        """Those of the connection by which it would start something."""
        return switches(self._configuration, own_way(self._configuration), self._role())

    def boot(self, configuration: Configuration) -> None:
        """A two-way one starts as soon as it has booted, and not before there was anything to boot."""
        self._booted = True
        super().boot(configuration)

    def order(self, trigger: Trigger) -> str:
        """Give one of its orders by `swanctl`, or let its SAs expire."""
        match trigger:
            case Trigger.RELOAD:
                self.load()
                return "swanctl --load-all"
            case Trigger.CLEAR:
                return "; ".join(
                    self._unawaited("--terminate", "--ike-id", sa["uniqueid"]) for sa in self.sections()
                )
            case Trigger.OPERATOR_INITIATE:
                return self._unawaited("--initiate", "--child", CHILD, "--ike", own_way(self._configuration))
            case Trigger.SOFT_EXPIRY | Trigger.HARD_EXPIRY:
                return self.expire(trigger)
        return super().order(trigger)

    def prepare(self, configuration: Configuration) -> None:
        """The settings of the daemon; beside its connections, the certificates and keys they name."""
        self._configuration = configuration
        self.write("strongswan.conf", self._settings())
        self.write(
            "swanctl/swanctl.conf",
            self.own or swanctl_conf(configuration, further=self.further, role=self._role()),
        )
        for name, octets in swanctl_files(configuration).items():
            self.write(f"swanctl/{name}", octets)

    def is_ready(self) -> bool:
        """It listens on its control socket."""
        return self.answers("charon.vici")

    def load(self) -> None:
        """Make it read its connections and secrets."""
        self._swanctl("--load-all", "--noprompt", "--file", f"{PLACE}/swanctl/swanctl.conf")

    def initiate(self, way: Way) -> None:
        """Bring up the IKE SA and the child of `way`."""
        _, *words = initiate_command(way)
        self._swanctl(*words)

    def rekey_child(self, way: Way) -> None:
        """Begin to replace the child of `way`."""
        self._swanctl("--rekey", "--child", CHILD, "--ike", way)

    def rekey_ike(self, way: Way) -> None:
        """Begin to replace the IKE SA of `way`; in version 1 that is a new phase 1."""
        self._swanctl("--rekey", "--ike", way)

    def terminate(self, way: Way) -> None:
        """Delete the IKE SA of `way` and what hangs on it."""
        self._swanctl("--terminate", "--ike", way, "--timeout", "8")

    def listing(self) -> str:
        """What `swanctl --list-sas --raw` prints."""
        return self._swanctl("--list-sas", "--raw")

    def sas(self) -> list[IkeSa]:
        """One of version 1 that was replaced is kept for a while, and listed in another state."""
        up = [sa for sa in self.sections() if sa["state"] == "ESTABLISHED"]
        return [
            IkeSa(
                f"{sa['initiator-spi']}.{sa['responder-spi']}",
                tuple(
                    ChildSa(each["spi-in"], each["spi-out"])
                    for each in sorted(sa["child-sas"].values(), key=_age)
                    if each["state"] == "INSTALLED"
                ),
            )
            for sa in sorted(up, key=_age)
        ]

    def sections(self) -> list[dict[str, Any]]:
        """The IKE SAs in whatever state: names and text, a section a dict."""
        events = re.findall(r"^list-sa event (.*)$", self.listing(), re.M)
        return [sa for event in events for sa in _sections(event)]

    def log(self) -> str:
        """What it logged since its start."""
        return self.read("charon.log")

    def needs_shim(self) -> bool:
        """Not if it seals its packets by itself."""
        return super().needs_shim() and not self.userspace_esp

    def _settings(self) -> str:
        own = charon_options(self._configuration) if self.under_test else []
        further = {**self.further, "charon": [*own, *self.further.get("charon", ())]}
        return strongswan_conf(PLACE, userspace_esp=self.userspace_esp, further=further)

    def _role(self) -> Role:
        return role_of(self._configuration, booted=self._booted) if self.under_test else CALLS

    def _unawaited(self, *words: str) -> str:
        """Give an order whose end takes an answer of the peer, and do not wait for that."""
        with suppress(TargetUnavailable):
            self._swanctl(*words, "--timeout", "1")
        return f"swanctl {' '.join(words)}"

    def _swanctl(self, *words: str) -> str:
        uri = f"unix://{PLACE}/charon.vici"
        try:
            return self.end.run(
                *("env", f"STRONGSWAN_CONF={_SETTINGS}", f"SWANCTL_DIR={PLACE}/swanctl"),
                *("swanctl", words[0], "--uri", uri, *words[1:]),
            )
        except TargetUnavailable as why:
            raise TargetUnavailable(f"swanctl {words[0]}: {last_line(str(why))}") from why


class UserspaceStrongswan(Strongswan):
    """One that needs no ESP in the kernel: packets go through its device `ipsec0`."""

    userspace_esp = True


def _age(section: Mapping[str, str]) -> int:
    return int(section["uniqueid"])


_WORD = re.compile(r"[{}\[\]]|[^\s{}\[\]]+")


def _sections(text: str) -> list[dict[str, Any]]:
    """The sections in what `--raw` prints: `{name {key=value list=[a b] inner {…}}}`, each with its name."""
    body = _body(iter(_WORD.findall(text.strip()[1:])))
    return [{"name": name, **section} for name, section in body.items() if isinstance(section, dict)]


def _body(words: Iterator[str]) -> dict[str, Any]:
    """The values up to the brace that closes; a list's name ends with its equals sign."""
    found: dict[str, Any] = {}
    name = ""
    for word in words:
        if word == "}":
            break
        if word == "{":
            found[name] = _body(words)
        elif word == "[":
            found[name] = list(iter(lambda: next(words, "]"), "]"))
        else:
            name, equals, value = word.partition("=")
            if equals:
                found[name] = value
    return found
