"""RFC 7296 section 2.9: which traffic a child carries, narrowed from what the peer proposed to what our policy has."""

from collections.abc import Sequence
from ipaddress import ip_network

from harness.codes import NotifyType
from harness.profile import Configuration
from harness.responder.context import Context, Incoming
from harness.responder.policy import selectors_payload
from harness.responder.state import ChildSa, IkeSa, Selector
from harness.responder.table import TABLE
from harness.values import value
from harness.wire import v2

Subnets = tuple[str, ...]


@value
class Agreed:
    """The traffic of a child, and whether more would have been acceptable in another one."""

    local: tuple[Selector, ...]
    remote: tuple[Selector, ...]
    additional: bool = False

    def covers(self, local: tuple[Selector, ...], remote: tuple[Selector, ...]) -> bool:
        """Whether all of this other traffic is among it."""
        return _cover(self.local, local) and _cover(self.remote, remote)

    def payloads(self) -> tuple[v2.TrafficSelectorsI | v2.TrafficSelectorsR | v2.Notify, ...]:
        """TSi and TSr for the peer, which began the exchange, and ADDITIONAL_TS_POSSIBLE if so."""
        more = (v2.Notify(notify_type=NotifyType.ADDITIONAL_TS_POSSIBLE),) if self.additional else ()
        return (
            v2.TrafficSelectorsI(selectors=selectors_payload(self.remote)),
            v2.TrafficSelectorsR(selectors=selectors_payload(self.local)),
            *more,
        )


def _cover(wide: tuple[Selector, ...], narrow: tuple[Selector, ...]) -> bool:
    return all(any(_within(each, one) for one in wide) for each in narrow)


def _within(narrow: Selector, wide: Selector) -> bool:
    return (
        len(narrow.start) == len(wide.start)
        and wide.start <= narrow.start
        and narrow.end <= wide.end
        and wide.protocol in (0, narrow.protocol)
        and wide.start_port <= narrow.start_port
        and narrow.end_port <= wide.end_port
    )


def agree(context: Context, sa: IkeSa, request: Incoming, old: ChildSa | None) -> Agreed | NotifyType:
    """What a request for a child, or for the successor of `old`, gets of the traffic that it proposes."""
    tsi, tsr = request.find(v2.TrafficSelectorsI), request.find(v2.TrafficSelectorsR)
    if tsi is None or tsr is None or not tsi.selectors or not tsr.selectors:
        return NotifyType.TS_UNACCEPTABLE
    agreed: Agreed | NotifyType = context.decide("agree_selectors", sa, tsi.selectors, tsr.selectors, old)
    return agreed


@TABLE.decision(rfc="7296/2.9")
def agree_selectors(
    context: Context,
    sa: IkeSa,
    tsi: Sequence[v2.TrafficSelector],
    tsr: Sequence[v2.TrafficSelector],
    old: ChildSa | None,
) -> Agreed | NotifyType:
    """One of the parts of our policy that the proposal touches: for a rekey that in use, else that of the first choices."""
    if context.configuration.children.single_pair:
        if not _one_address(tsi[0]) or not _one_address(tsr[0]):
            return NotifyType.SINGLE_PAIR_REQUIRED
        tsi, tsr = tsi[:1], tsr[:1]
    parts = [_part(context, tsi, tsr, *each) for each in _policy(context.configuration, sa)]
    touched = [part for part in parts if part.local and part.remote]
    if not touched:
        return NotifyType.TS_UNACCEPTABLE
    if len(parts) == 1:
        return Agreed(parts[0].local, parts[0].remote)

    first = tuple(_part(context, tsi[:1], tsr[:1], *each) for each in _policy(context.configuration, sa))
    wanted = [p for p, f in zip(parts, first, strict=True) if f.local and f.remote]
    in_use = [p for p in touched if old is not None and p.covers(old.local, old.remote)]
    chosen = (in_use or wanted or touched)[0]
    more = any(not chosen.covers(part.local, part.remote) for part in touched)
    return Agreed(chosen.local, chosen.remote, additional=more)


def _policy(configuration: Configuration, sa: IkeSa) -> tuple[tuple[Subnets, Subnets], ...]:
    """Our subnets and the peer's, for each child that may be made of them."""
    theirs = _own_address(sa) or configuration.remote_subnets
    second = configuration.second_selector
    further = () if second is None else (((second.local,), (second.remote,)),)
    return ((configuration.local_subnets, theirs), *further)


def _own_address(sa: IkeSa) -> Subnets:
    """The one address that a client may use inside, where it was given one (section 2.19)."""
    given = sa.session.address
    return (str(ip_network((given, 8 * len(given)))),) if given else ()


def _part(
    context: Context,
    tsi: Sequence[v2.TrafficSelector],
    tsr: Sequence[v2.TrafficSelector],
    ours: Subnets,
    theirs: Subnets,
) -> Agreed:
    return Agreed(context.decide("narrow", tsr, ours), context.decide("narrow", tsi, theirs))


def _one_address(selector: v2.TrafficSelector) -> bool:
    return bool(selector.start == selector.end)
