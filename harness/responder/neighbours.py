"""Which of the configured peers somebody is: by address before there is an identity, by identity ever after."""

from ipaddress import ip_address

from harness.profile import Configuration
from harness.responder.state import Sa
from harness.values import replace, value
from harness.wire.datagram import Endpoint

IKE_PORT = 500
IDENTITY_DATA = 4
"""Where the Identification Data begin in the body of an ID payload, in both versions of IKE."""


@value
class Neighbour:
    """One peer: the device as this peer meets it, and the ends between which something could be started."""

    configuration: Configuration
    local: Endpoint | None
    endpoint: Endpoint | None


class Neighbours:
    """The configured peers, to be looked up."""

    def __init__(
        self, configuration: Configuration, locals_: tuple[Endpoint, ...] = (), first: Endpoint | None = None
    ) -> None:
        views = configuration.each_peer()
        towards = [Endpoint(spelled(view.peer), IKE_PORT) if view.peer else None for view in views]
        towards[0] = first or towards[0]
        self.all = tuple(
            Neighbour(view, _from(locals_, view.local_address, there), there)
            for view, there in zip(views, towards, strict=True)
        )
        self._by_address = {_place(each.configuration): each for each in reversed(self.all)}
        self._by_identity = {_key(each.configuration): each for each in self.all}

    def has(self, neighbour: Neighbour) -> bool:
        """Whether one of the peers is set up as this one is, but for what may be started towards it."""
        wanted = neighbour.configuration
        return any(replace(each.configuration, profile=wanted.profile) == wanted for each in self.all)

    def at(self, address: str) -> Neighbour:
        """Whoever is expected at this address: the peer configured for it, one for any, or else the first."""
        return self._by_address.get(address) or self._by_address.get(None) or self.all[0]

    def called(self, body: bytes) -> Neighbour | None:
        """The peer of the identity in this body of an ID payload; None: nobody may be called so."""
        return self._by_identity.get((body[:1], body[IDENTITY_DATA:])) or self._by_identity.get(None)

    def of(self, sa: Sa) -> Neighbour:
        """The peer at the other end of an SA."""
        if len(self.all) == 1:
            return self.all[0]
        known = self.called(sa.peer_id) if sa.peer_id else None
        return known or self.at(sa.remote.address)


def _key(configuration: Configuration) -> tuple[bytes, bytes] | None:
    who = configuration.remote_id
    return None if who is None else (bytes([who.id_type]), who.data)


def _place(configuration: Configuration) -> str | None:
    return None if configuration.peer is None else spelled(configuration.peer)


def spelled(address: str) -> str:
    """An address as datagrams have it: an IPv6 address can be written in many ways (RFC 5952)."""
    return str(ip_address(address))


def _from(locals_: tuple[Endpoint, ...], wanted: str, there: Endpoint | None) -> Endpoint | None:
    """Our endpoint of the peer's family, rather of the address that is wanted; without such the first of all."""
    family = [
        each for each in locals_ if there is not None and (":" in each.address) == (":" in there.address)
    ]
    return min(family, key=lambda each: each.address != spelled(wanted), default=next(iter(locals_), None))
