"""Packets that arise behind this device: what its tunnels are for."""

from ipaddress import ip_network

from harness.profile import Configuration, Selector
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.packet import Echo, echo_datagram

OSPF = 89
ALL_OSPF_ROUTERS = {4: "224.0.0.5", 6: "ff02::5"}
_DATA = bytes(range(32))


def for_the_peer(configuration: Configuration, *, second: bool = False) -> Datagram | None:
    """An echo request from the first host behind this device to the first one behind the peer; None: there are no such.

    `second` takes the hosts of the second pair of subnets, if there is one.
    """
    pair = configuration.second_selector if second else None
    pairs = zip(configuration.local_subnets, configuration.remote_subnets, strict=False)
    pair = pair or next(map(Selector._make, pairs), None)
    if pair is None:
        return None
    here, there = pair
    return echo_datagram(first_host(here), first_host(there), Echo(False, 1, 1, _DATA))


def hello(configuration: Configuration) -> Datagram | None:
    """The hello of a routing protocol on the tunnel's interface (RFC 2328 appendix A.1); None: nobody is behind it."""
    if not configuration.local_subnets:
        return None
    here = first_host(configuration.local_subnets[0])
    there = ALL_OSPF_ROUTERS[6 if ":" in here else 4]
    return Datagram(Endpoint(here, 0), Endpoint(there, 0), b"\x02\x01" + bytes(42), OSPF)


def first_host(subnet: str) -> str:
    """The lowest address of a subnet that a host may have; of a single address, that one."""
    network = ip_network(subnet)
    return str(next(iter(network.hosts()), network.network_address))
