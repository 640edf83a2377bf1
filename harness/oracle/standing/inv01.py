"""INV-01: a responder makes no IKE SA of its own, and sends none of the requests that only its maker sends."""

from collections.abc import Iterator

from harness.codes import Exchange, name_of
from harness.observe import Seen, Trace
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import Remark, Rule, bounds, failed, frames_of, held, named
from harness.profile import Profile, Start
from harness.record import ClaimName

_STARTS = frozenset(
    {Exchange.IKE_SA_INIT, Exchange.IKE_AUTH, Exchange.IKE_SESSION_RESUME, Exchange.IKE_INTERMEDIATE}
)
_CONTINUES = Exchange.IKE_FOLLOWUP_KE
_REKEYS = frozenset({Start.FIRST_CHILD, Start.CHILD_REKEY, Start.IKE_REKEY})


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    by_exchange: dict[tuple[int, str], list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if header is None or not each.from_target or not header.is_request:
            continue
        if header.exchange in _STARTS or _stray_follow_up(trace, profile, each):
            by_exchange.setdefault((header.exchange, each.destination.address), []).append(each)
    for (exchange, peer), offences in by_exchange.items():
        frames = frames_of(offences)
        sent = f"the target sent {name_of(Exchange, exchange)} requests to {peer}, {named(frames)}"
        if exchange == _CONTINUES:
            why = f"they continue no CREATE_CHILD_SA that profile {profile.name} lets it start"
        else:
            spis = {each.spi_i or b"" for each in offences}
            own = f"SPI {min(spis).hex()}" if len(spis) == 1 else f"{len(spis)} SPIs"
            why = f"under {own} of its own: a responder never makes an IKE SA"
        yield failed(f"{sent}; {why}", frames)
    if not by_exchange:
        yield held(f"the target started no IKE_SA_INIT and no exchange that goes with one {bounds(trace)}")


def _stray_follow_up(trace: Trace, profile: Profile, seen: Seen) -> bool:
    """An IKE_FOLLOWUP_KE is its starter's; whether that start was allowed is INV-02's question."""
    if seen.exchange != _CONTINUES:
        return False
    if profile.may.isdisjoint(_REKEYS):
        return True
    assert seen.header is not None
    association = trace.associations.get(seen.header)
    if association is None or not association.seen_from_birth:
        return False  # what it continues may have come before the capture
    return not any(
        each.from_target
        and each.is_request
        and each.exchange == Exchange.CREATE_CHILD_SA
        and each.number < seen.number
        and each.header is not None
        and each.header.pair == seen.header.pair
        for each in trace.ike
    )


RULE = Rule(
    id="INV-01",
    claim=ClaimName.SAFETY,
    title="No IKE_SA_INIT, IKE_AUTH, IKE_SESSION_RESUME, IKE_INTERMEDIATE or IKE_FOLLOWUP_KE request of the target",
    requirements=("CISCO-RO-39", "CISCO-RO-44"),
    rfc=("RFC 7296 §1.2", "RFC 7296 §3.1", "RFC 5723 §4.3.2", "RFC 9242 §3.2", "RFC 9370 §2.2.4"),
    examine=_examine,
    cleared_by=(Fact.TARGET_ONLY_INFORMS,),
    outlives_gaps=True,
    two_way=False,
)
