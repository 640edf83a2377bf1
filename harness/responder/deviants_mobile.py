"""Responders that break rules of MOBIKE (RFC 4555), each for the cases that must catch it."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from harness.codes import NotifyType, Trigger
from harness.responder.context import Context, Incoming
from harness.responder.deviant import deviant
from harness.responder.rules import HONEST
from harness.responder.state import IkeSa, Own
from harness.responder.step import Step, together
from harness.responder.table import Rules
from harness.responder.v2 import mobility
from harness.responder.v2.initial import nat_notifies
from harness.responder.v2.messages import moved
from harness.responder.v2.own import begin
from harness.values import replace
from harness.wire import replace as replace_message
from harness.wire import v2
from harness.wire.datagram import Endpoint

Added = tuple[IkeSa, tuple[Any, ...]]
NATS = (NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP)
REFUSALS = (NotifyType.UNACCEPTABLE_ADDRESSES, NotifyType.UNEXPECTED_NAT_DETECTED)


def _kind(payload: Any) -> int | None:
    kind: int | None = getattr(payload, "notify_type", None)
    return kind


def _agreement(change: Callable[[IkeSa, IkeSa, tuple[Any, ...]], Added]) -> Rules:
    """The honest table in which what IKE_AUTH agrees on is changed; it is given the SA before and after."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        return change(sa, *mobility.mobike_supported(context, sa, request))

    return HONEST.but("extensions", ("auth", "mobike_supported"), extension)


def _updates(change: Callable[[Incoming, IkeSa, IkeSa, tuple[Any, ...]], Added]) -> Rules:
    """The honest table in which what an INFORMATIONAL says of addresses is heeded otherwise."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        return change(request, sa, *mobility.addresses_updated(context, sa, request))

    return HONEST.but("extensions", ("informational", "addresses_updated"), extension)


@deviant("says-nothing-of-mobike", "RFC4555-3.2-01")
def _hides() -> Rules:
    """Supports MOBIKE, and does not say so to peers that do."""
    return _agreement(lambda _, after, __: (after, ()))


@deviant("says-mobike-with-data", "RFC4555-4.2.1-01")
def _with_data() -> Rules:
    """Puts data into its MOBIKE_SUPPORTED."""

    def change(_: IkeSa, after: IkeSa, added: tuple[Any, ...]) -> Added:
        return after, tuple(
            replace_message(p, data=b"\x01") if _kind(p) == NotifyType.MOBIKE_SUPPORTED else p for p in added
        )

    return _agreement(change)


@deviant("offers-mobike-to-everybody", "RFC4555-3.2-01")
def _offers() -> Rules:
    """Says MOBIKE_SUPPORTED to peers that never did."""
    return _agreement(lambda _, after, added: (after, added or (mobility.SUPPORTED,)))


@deviant("stays-where-it-was", "RFC4555-3.5-06")
def _stays() -> Rules:
    """Answers UPDATE_SA_ADDRESSES and does nothing about it."""
    return _updates(lambda _, before, __, added: (before, added))


@deviant("follows-any-request", "RFC4555-3.8-06")
def _follows() -> Rules:
    """Takes every INFORMATIONAL from another address for UPDATE_SA_ADDRESSES."""
    return _updates(
        lambda request, before, after, added: (
            moved(after, request) if before.session.mobile else after,
            added,
        )
    )


@deviant("detects-nats-on-the-old-path", "RFC4555-3.5-07")
def _old_nats() -> Rules:
    """Answers NAT detection for the addresses from which the peer moved away."""

    def change(_: Incoming, before: IkeSa, after: IkeSa, added: tuple[Any, ...]) -> Added:
        old = {
            int(n.notify_type): n
            for n in nat_notifies(before.spi_i, before.spi_r, before.local, before.remote)
        }
        return after, tuple(old.get(_kind(p) or 0, p) for p in added)

    return _updates(change)


@deviant("forgets-nat-detection", "RFC4555-3.8-02")
def _no_nats() -> Rules:
    """Leaves NAT detection out of its answers."""
    return _updates(lambda _, __, after, added: (after, tuple(p for p in added if _kind(p) not in NATS)))


@deviant("forgets-cookie2", "RFC4555-3.7-06")
def _no_cookie2() -> Rules:
    """Leaves COOKIE2 out of its answers."""
    return _updates(
        lambda _, __, after, added: (after, tuple(p for p in added if _kind(p) != NotifyType.COOKIE2))
    )


@deviant("shortens-cookie2", "RFC4555-3.7-06")
def _short_cookie2() -> Rules:
    """Returns the first 32 octets of a COOKIE2."""

    def change(_: Incoming, __: IkeSa, after: IkeSa, added: tuple[Any, ...]) -> Added:
        return after, tuple(
            replace_message(p, data=p.data[:32]) if _kind(p) == NotifyType.COOKIE2 else p for p in added
        )

    return _updates(change)


@deviant("takes-any-cookie2", "RFC4555-3.7-07")
def _any_cookie2() -> Rules:
    """Takes every answer to its check of a new address for a good one."""
    return HONEST.but("decisions", "came_back", lambda *_: True)


@deviant("moves-anywhere", "RFC4555-3.5-05")
def _anywhere() -> Rules:
    """Moves SAs to addresses that its policy forbids."""
    return HONEST.but("decisions", "may_move_to", lambda *_: True)


@deviant("ignores-no-nats-allowed", "RFC4555-3.9-02")
def _nats_welcome() -> Rules:
    """Moves SAs through NATs that their peer forbids."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        kept = tuple(p for p in request.payloads if _kind(p) != NotifyType.NO_NATS_ALLOWED)
        return mobility.addresses_updated(context, sa, replace(request, payloads=kept))

    return HONEST.but("extensions", ("informational", "addresses_updated"), extension)


@deviant("heeds-older-updates", "RFC4555-3.5-04")
def _older() -> Rules:
    """Moves SAs by each UPDATE_SA_ADDRESSES that comes, though a newer one came before."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        mobile = sa.session.mobile
        blank = None if mobile is None else replace(mobile, updated_by=-1)
        forgetful = replace(sa, session=replace(sa.session, mobile=blank))
        return mobility.addresses_updated(context, forgetful, request)

    return HONEST.but("extensions", ("informational", "addresses_updated"), extension)


@deviant("moves-packets-before-the-check", "RFC4555-3.7-03")
def _hasty() -> Rules:
    """Sends packets to a new address at once, whoever may be there."""
    return HONEST.but("decisions", "tunnel_ends", lambda _, sa: (sa.local, sa.remote))


@deviant("goes-where-the-peer-only-might-be", "RFC4555-3.4-03")
def _might_be() -> Rules:
    """Goes to the first of the further addresses that its peer lists."""

    def change(request: Incoming, _: IkeSa, after: IkeSa, added: tuple[Any, ...]) -> Added:
        listed = request.find(v2.Notify, NotifyType.ADDITIONAL_IP4_ADDRESS)
        if listed is None or after.session.mobile is None:
            return after, added
        return replace(after, remote=_at(after.remote, listed.data)), added

    return _updates(change)


def _at(end: Endpoint, address: bytes) -> Endpoint:
    return end._replace(address=str(ip_address(address)))


def _on_address_change(moves: Callable[[Context, IkeSa], Step]) -> Rules:
    """The honest table in which a change of address is dealt with otherwise on IKE SAs that have MOBIKE."""

    def trigger(context: Context) -> Step:
        mobile = [sa for sa in context.world.all() if isinstance(sa, IkeSa) and sa.up and sa.session.mobile]
        if not mobile:
            return HONEST.triggers[Trigger.ADDRESS_CHANGE](context)
        return together([moves(context, sa) for sa in mobile])

    return HONEST.but("triggers", Trigger.ADDRESS_CHANGE, trigger)


@deviant("lists-the-address-that-it-sends-from", "RFC4555-3.6-08")
def _lists_all() -> Rules:
    """Tells its further addresses with that among them which stands in the IP header."""

    def tells(context: Context, sa: IkeSa) -> Step:
        ours = context.configuration.mobility
        assert ours is not None
        there = replace(sa, local=sa.local._replace(address=ours.additional[0]))
        here = v2.Notify(
            notify_type=NotifyType.ADDITIONAL_IP4_ADDRESS, data=ip_address(ours.additional[0]).packed
        )
        return begin(context, there, Own("notify", notify=here.notify_type, data=here.data))

    return _on_address_change(tells)


@deviant("decides-as-responder-where-packets-go", "RFC4555-3.5-01")
def _decides() -> Rules:
    """Sends UPDATE_SA_ADDRESSES itself, though its peer is the original initiator."""

    def decides(context: Context, sa: IkeSa) -> Step:
        began = replace(sa, session=replace(sa.session, began=True))
        step = mobility.to_another_address(context, began)
        assert step is not None
        after = step.changed[0]
        assert isinstance(after, IkeSa)
        back = replace(after, session=replace(after.session, began=False))
        return replace(step, changed=(back, *step.changed[1:]))

    return _on_address_change(decides)


@deviant("only-lists-where-it-should-move", "RFC4555-3.5-13")
def _only_lists() -> Rules:
    """Tells its addresses as the original initiator and leaves it to its peer to move the SA."""

    def lists(context: Context, sa: IkeSa) -> Step:
        began = replace(sa, session=replace(sa.session, began=False))
        step = mobility.to_another_address(context, began)
        assert step is not None
        return step

    return _on_address_change(lists)
