"""A foreign daemon under test: at one end of a cable, its peers at the other, both ends fresh for each case."""

import contextlib
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import cached_property, partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from harness.codes import Trigger
from harness.profile import Configuration
from harness.target.contract import Addresses, NotApplicable, TargetUnavailable
from harness.target.daemon import IkeDaemon
from harness.target.namespaces import INTERFACE, Network
from harness.target.packages import Prefix, fetch
from harness.wire.datagram import Endpoint

DEVICE = "192.0.2.1"
PEERS = tuple(f"192.0.2.{number}" for number in range(2, 34))
FURTHER = "192.0.2.100"
"""Another address that the device gets when its address is to change."""
LAN = "inner0"
"""The interface that the device's own subnets are on; what it is plugged into is called `lan0`."""
DISCARD = 9
"""The port of the discard service (RFC 863), where traffic behind the device goes to."""
_WITHOUT_IPV6 = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"
"""Addresses of a link come up seconds after it, and each would be a local event that nobody caused."""
ABILITIES = frozenset({"responder", "psk", "configure", "two-way", "provoke", "show-sas"})
"""What every daemon can that is driven here."""
_SET_UP_HERE = frozenset({"configure", "two-way", Trigger.OPERATOR_INITIATE})
"""What one can't that a user set up: nobody here knows what its connections are called, or may change them."""


class DaemonTarget:
    """A daemon of one kind as responder; whoever is its peer stands in a namespace of ours."""

    interface = INTERFACE
    address = DEVICE

    def __init__(self, kind: type[IkeDaemon], own: Path | None = None) -> None:
        """One that is set up as each case asks, or by a user's `own` file in its own words."""
        self._kind = kind
        self.own_file = own
        self._network: Network | None = None
        self._daemon: IkeDaemon | None = None
        self._configuration: Configuration | None = None

    @property
    def name(self) -> str:
        """The daemon's own."""
        return self._kind.kind

    @property
    def version(self) -> str:
        """That of its package; empty if that can't be had."""
        with contextlib.suppress(TargetUnavailable):
            return self._prefix.version
        return ""

    @property
    def abilities(self) -> frozenset[str]:
        """What the daemon is known to do, and the triggers that can be caused here."""
        fixed = frozenset() if self.own_file is None else _SET_UP_HERE
        return (ABILITIES | self._kind.abilities | self._causes.keys()) - fixed

    def prepare(self) -> None:
        """Look for what namespaces and shims need, and fetch the daemon."""
        try:
            self._kind.look_for_tools(fake_esp=self._fake_esp)
            self._prefix  # noqa: B018  fetches it
        except TargetUnavailable as why:
            raise TargetUnavailable(f"{self.name} can't be run here: {why}") from why

    def peer_addresses(self, count: int) -> tuple[str, ...]:
        """Addresses of the end where peers stand."""
        return PEERS[:count]

    def inside(self) -> AbstractContextManager[None]:
        """The peers' end."""
        return self._cable().near.inside()

    def start(self, configuration: Configuration, peer: Endpoint) -> Addresses:
        """Start a fresh daemon; NotApplicable if it has no words for the configuration."""
        own = None if self.own_file is None else self.own_file.read_text(encoding="utf-8")
        unfit = self._kind.unfit(configuration) if own is None else ""
        if unfit:
            raise NotApplicable(f"{self.name}: {unfit}")
        far = self._cable().far
        self._configuration = configuration
        far.run("sh", "-c", _WITHOUT_IPV6)
        far.run("ip", "-batch", "-", given=_networks(configuration, peer.address))
        self._daemon = self._kind(far, self._prefix, fake_esp=self._fake_esp, under_test=True, own=own)
        self._daemon.start(configuration)
        return Addresses(Endpoint(DEVICE, 500), Endpoint(DEVICE, 4500))

    def stop(self) -> None:
        """End the daemon, and let its namespaces go."""
        daemon, self._daemon = self._daemon, None
        network, self._network = self._network, None
        if daemon is not None:
            daemon.stop()
        if network is not None:
            network.close()

    def restart(self) -> None:
        """Start it again as it was configured."""
        daemon, configuration = self._running
        daemon.stop()
        daemon.start(configuration)

    def provoke(self, trigger: Trigger) -> str:
        """Cause a local event; of one that died nothing is caused any more."""
        cause = self._causes.get(trigger)
        if cause is None:
            raise NotApplicable(f"nothing here can cause the trigger {trigger} at {self.name}")
        died = self.crashed()
        return f"not caused: {died}" if died else cause()

    def show_sas(self) -> list[dict[str, Any]]:
        """The IKE SAs that stand and their children."""
        daemon, _ = self._running
        return [asdict(sa) for sa in daemon.sas()]

    def switches(self) -> dict[str, str]:
        """What in its files decides what it starts by itself, and why it is there."""
        daemon, _ = self._running
        return dict(daemon.switches()) if self.own_file is None else {}

    def logs(self) -> str:
        """What the daemon logged since its start."""
        return "" if self._daemon is None else self._daemon.log()

    def crashed(self) -> str | None:
        """How it died, if it did."""
        return None if self._daemon is None else self._daemon.crashed()

    @cached_property
    def _prefix(self) -> Prefix:
        return fetch(self._kind.kind)

    @cached_property
    def _fake_esp(self) -> bool:
        with Network() as network:
            return network.lacks_esp()

    @property
    def _running(self) -> tuple[IkeDaemon, Configuration]:
        if self._daemon is None or self._configuration is None:
            raise TargetUnavailable(f"{self.name} was not started")
        return self._daemon, self._configuration

    def _cable(self) -> Network:
        if self._network is None:
            self._network = Network(PEERS[0], DEVICE)
            further = "".join(f"addr add {address}/24 dev {INTERFACE}\n" for address in PEERS[1:])
            self._network.near.run("ip", "-batch", "-", given=further)
        return self._network

    # --- local events -------------------------------------------------------------------------------------

    @property
    def _causes(self) -> Mapping[Trigger, Callable[[], str]]:
        orders = self._kind.orders | (self._kind.shim_orders if self._fake_esp else frozenset())
        own = {trigger: partial(self._order, trigger) for trigger in orders}
        hidden = self._kind.shim_hides if self._fake_esp else frozenset()
        causes: dict[Trigger, Callable[[], str]] = {
            Trigger.BOOT: self._boot,
            Trigger.MATCHING_TRAFFIC: self._matching_traffic,
            Trigger.SECOND_SELECTOR: self._second_selector,
            Trigger.ROUTE_CONVERGENCE: self._route_convergence,
            Trigger.INTERFACE_DOWN: lambda: self._ip(f"link set {LAN} down"),
            Trigger.INTERFACE_UP: lambda: self._ip(f"link set {LAN} down", f"link set {LAN} up"),
            Trigger.ADDRESS_CHANGE: lambda: self._ip(f"addr add {FURTHER}/24 dev {INTERFACE}"),
            **own,
        }
        return {trigger: cause for trigger, cause in causes.items() if trigger not in hidden}

    def _order(self, trigger: Trigger) -> str:
        daemon, _ = self._running
        return daemon.order(trigger)

    def _boot(self) -> str:
        daemon, configuration = self._running
        daemon.boot(configuration)
        return f"{self.name} was ended and started anew"

    def _matching_traffic(self) -> str:
        _, configuration = self._running
        return self._send(configuration.local_subnets[0], configuration.remote_subnets[0])

    def _second_selector(self) -> str:
        _, configuration = self._running
        if configuration.second_selector is None:
            raise NotApplicable("the configuration has no second pair of subnets")
        return self._send(*configuration.second_selector)

    def _send(self, local: str, remote: str) -> str:
        """Send a datagram from one subnet to the other; a kernel that asks for an SA first refuses it."""
        here, there = _last_host(local), _last_host(remote)
        with self._cable().far.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.bind((here, 0))
            with contextlib.suppress(OSError):
                opened.sendto(b"matching traffic", (there, DISCARD))
        return f"a datagram from {here} to {there}"

    def _route_convergence(self) -> str:
        _, configuration = self._running
        routes = [f"{remote} via {configuration.peer}" for remote in configuration.remote_subnets]
        return self._ip(*(f"route {what} {route}" for route in routes for what in ("del", "add")))

    def _ip(self, *lines: str) -> str:
        self._cable().far.run("ip", "-batch", "-", given="".join(f"{line}\n" for line in lines))
        return f"ip {'; ip '.join(lines)}"


def _networks(configuration: Configuration, peer: str) -> str:
    """The commands that give the device its own subnets, and ways to those of its peer."""
    second = configuration.second_selector
    local = [*configuration.local_subnets, *([second.local] if second else [])]
    hosts = dict.fromkeys(map(_last_host, local))
    return "".join(
        f"{line}\n"
        for line in (
            f"link add {LAN} type veth peer name lan0",
            f"link set {LAN} up",
            "link set lan0 up",
            *(f"addr add {host}/24 dev {LAN}" for host in hosts),
            *(f"route add {remote} via {peer}" for remote in configuration.remote_subnets),
        )
    )


def _last_host(subnet: str) -> str:
    """An address in a subnet."""
    network = ip_network(subnet)
    return str(network[-2] if network.num_addresses > 2 else network[0])
