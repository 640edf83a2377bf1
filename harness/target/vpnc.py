"""A vpnc at one end: a client that speaks Aggressive Mode, XAUTH and Mode-Config, and seals its packets by itself."""

import re

from harness.profile import Configuration
from harness.profile.vpnc import vpnc_conf
from harness.profile.ways import Way
from harness.target.contract import NotApplicable
from harness.target.daemon import PLACE, ChildSa, IkeDaemon, IkeSa
from harness.target.namespaces import wait_until

_UP_S = 20.0
_SCRIPT = """[ "$reason" = connect ] || exit 0
ip address add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
ip link set "$TUNDEV" up
"""
"""The device gets the address; routes are left to whoever wants some."""


class Vpnc(IkeDaemon):
    """One tunnel of a client: it runs as long as that stands."""

    kind = "vpnc"
    _ended: int | None = None

    def command(self) -> tuple[str, ...]:
        """The client in the foreground, telling much but no secrets, and each line at once."""
        return (
            "stdbuf",
            "--output=L",
            "vpnc",
            "--debug",
            "3",
            "--script",
            f"sh {PLACE}/up",
            f"{PLACE}/vpnc.conf",
        )

    def prepare(self, configuration: Configuration) -> None:
        """Its one file, and what it runs when the tunnel comes and goes."""
        self.write("vpnc.conf", vpnc_conf(configuration, further=self.further))
        self.write("up", _SCRIPT)

    def start(self, configuration: Configuration) -> None:
        """Nothing runs until a tunnel is wanted."""
        self.end.lay_over(self._prefix.root)
        self.prepare(configuration)

    def is_ready(self) -> bool:
        """The tunnel stands."""
        return "VPNC started in foreground" in self.log()

    def load(self) -> None:
        """It reads its file when it starts."""

    def initiate(self, way: Way) -> None:
        """Bring up the tunnel."""
        if way != "v1-aggressive":
            raise NotApplicable("vpnc speaks IKEv1 by Aggressive Mode alone")
        self.spawn()
        wait_until(self.is_up, _UP_S, "the tunnel of vpnc")

    def rekey_child(self, way: Way) -> None:
        """There is no such order."""
        raise NotApplicable(f"vpnc renews nothing of {way} on command")

    def rekey_ike(self, way: Way) -> None:
        """There is no such order."""
        raise NotApplicable(f"vpnc renews nothing of {way} on command")

    def terminate(self, way: Way) -> None:
        """End it: it deletes what it has."""
        if not self.runs:
            raise NotApplicable(f"vpnc has nothing of {way}")
        self.stop()

    def stop(self) -> int | None:
        """End it; its exit status, also if it was ended before."""
        if self.runs:
            self._ended = super().stop()
        return self._ended

    def listing(self) -> str:
        """The last SPIs that it told of, as long as it runs."""
        if not self.runs:
            return ""
        cookies = re.findall(r"^ +([ir]_cookie: .*)$", self.log(), re.M)[-2:]
        return "\n".join([*cookies, *re.findall(r"^ +((?:local|remote) -> .*)$", self.log(), re.M)[-2:]])

    def sas(self) -> list[IkeSa]:
        """One ISAKMP SA with its child, or none."""
        told = self.listing()
        cookies = re.findall(r"_cookie: (\w+) (\w+)", told)
        spis = re.findall(r"0x(\w+)", told)
        if len(cookies) < 2 or len(spis) < 2:
            return []
        return [IkeSa(".".join("".join(each) for each in cookies), (ChildSa(spis[0], spis[1]),))]

    def log(self) -> str:
        """What it said since its start."""
        return self.read("output")
