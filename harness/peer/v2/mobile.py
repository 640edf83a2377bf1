"""MOBIKE as the peer has it (RFC 4555): an original initiator that moves, and what either end answers."""

from ipaddress import ip_address
from typing import Unpack

from harness.codes import Exchange, NotifyType
from harness.peer.mischief import Changes
from harness.peer.script import Note, Request
from harness.peer.v2.sa import IkeSa
from harness.peer.v2.steps import StartsV2, notify
from harness.wire import Message, Payload, v2
from harness.wire.datagram import Datagram, packed

_DETECTS = (NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP)


class MovesV2(StartsV2):
    """The steps of an end that has several addresses."""

    # --- where this end is --------------------------------------------------------------------------------------

    def moves(self) -> Note:
        """From now on this end is at its other address with all its IKE SAs; the one it had becomes the other one."""
        here, there = self.local.address, self.elsewhere
        if there is None:
            return Note("moves", f"{self.name}: the link has no other address for it")
        self.elsewhere, self.local = here, self.local._replace(address=there)
        self.local_natt = self.local_natt._replace(address=there)
        for sa in self.ike_sas.values():
            sa.local = sa.local._replace(address=there)
        return Note("moves", f"{self.name}: from {here} to {there}")

    def follows_target(self, *, sa: IkeSa | None = None) -> Note:
        """From now on this IKE SA goes to where the target's last protected message came from."""
        sa = sa or self.ike
        sa.remote = sa.heard_from
        return Note("follows", f"{self.name}: the target to {sa.remote}")

    # --- what it says of that -----------------------------------------------------------------------------------

    def ike_auth_mobile(
        self, *extra: Payload, addresses: tuple[str, ...] = (), **changes: Unpack[Changes]
    ) -> Request | Note:
        """IKE_AUTH with MOBIKE_SUPPORTED and further addresses of this end.

        Where the target detects NATs too, it goes between the ports for that: there may be a NAT on another path
        (RFC 4555 section 3.3).
        """
        sa = self.ike
        sa.mobile = True
        if sa.traverses:
            self.floats(sa)
        listed = addresses_listed(*addresses) if addresses else ()
        return self.ike_auth(notify(NotifyType.MOBIKE_SUPPORTED), *listed, *extra, **changes)

    def update_addresses(
        self,
        *extra: Payload,
        nat_detection: bool | None = None,
        sa: IkeSa | None = None,
        **changes: Unpack[Changes],
    ) -> Request | Note:
        """UPDATE_SA_ADDRESSES: the IKE SA with its Child SAs is from now on where this end is (RFC 4555 section 3.5).

        With it goes NAT detection, by default where both ends do that, or else NO_NATS_ALLOWED (section 3.9).
        """
        sa = sa or self.ike
        detects = sa.traverses if nat_detection is None else nat_detection
        nats = self.nat_notifies(sa) if detects else (self.no_nats(sa),)
        return self.informational(notify(NotifyType.UPDATE_SA_ADDRESSES), *nats, *extra, sa=sa, **changes)

    def tell_addresses(
        self, *addresses: str, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Request | Note:
        """The further addresses of this end, all of them, or that there are none (RFC 4555 section 3.6)."""
        return self.informational(*addresses_listed(*addresses), sa=sa, **changes)

    def no_nats(self, sa: IkeSa | None = None) -> v2.Notify:
        """NO_NATS_ALLOWED: between which addresses and ports this end sends (RFC 4555 section 4.2.6)."""
        sa = sa or self.ike
        ends = (sa.local, sa.remote)
        ports = b"".join(end.port.to_bytes(2, "big") for end in ends)
        return notify(NotifyType.NO_NATS_ALLOWED, b"".join(packed(end.address) for end in ends) + ports)

    # --- what it answers ----------------------------------------------------------------------------------------

    def returned(self, sa: IkeSa, request: Message) -> tuple[Payload, ...]:
        """What of an INFORMATIONAL request has to come back: COOKIE2 as it is, and NAT detection (sections 3.7, 3.8)."""
        both = sa.mobile and sa.told.mobile
        detects = both and any(request.find(v2.Notify, kind) is not None for kind in _DETECTS)
        return (
            *(self.nat_notifies(sa) if detects else ()),
            *request.all(v2.Notify, NotifyType.COOKIE2),
        )

    def agrees_to_move(self, sa: IkeSa) -> tuple[Payload, ...]:
        """MOBIKE_SUPPORTED to a target that said so in its IKE_AUTH, where this end is configured for it."""
        sa.mobile = self.configuration.mobility is not None and sa.told.mobile
        return (notify(NotifyType.MOBIKE_SUPPORTED),) if sa.mobile else ()

    def moved_with(self, sa: IkeSa, request: Message, datagram: Datagram) -> None:
        """The original initiator moves the IKE SA to where it asks from, and no one else does (section 3.5)."""
        update = request.find(v2.Notify, NotifyType.UPDATE_SA_ADDRESSES)
        if (
            update is not None
            and sa.mobile
            and not sa.initiated
            and request.exchange == Exchange.INFORMATIONAL
        ):
            sa.local, sa.remote = datagram.destination, datagram.source


def addresses_listed(*addresses: str) -> tuple[v2.Notify, ...]:
    """ADDITIONAL_IP4_ADDRESS and ADDITIONAL_IP6_ADDRESS, or NO_ADDITIONAL_ADDRESSES (RFC 4555 section 4.2)."""
    kinds = {4: NotifyType.ADDITIONAL_IP4_ADDRESS, 6: NotifyType.ADDITIONAL_IP6_ADDRESS}
    listed = tuple(notify(kinds[ip_address(each).version], packed(each)) for each in addresses)
    return listed or (notify(NotifyType.NO_ADDITIONAL_ADDRESSES),)
