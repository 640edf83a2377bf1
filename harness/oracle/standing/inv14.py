"""INV-14: a Child SA that is over carries nothing more of the target's, and the target renews it no more.

It is over at the hard limit that the evidence declares, or that version 1 agreed on, and where the peer has deleted it
to the target's knowledge. A new Child SA in its place looks like any other: INV-02 and INV-05 judge such starts.
"""

from collections.abc import Iterator

from harness.codes import Exchange, NotifyType
from harness.observe import ChildSa, Seen, Trace, number
from harness.oracle.standing.rule import Remark, Rule, bounds, failed, frames_of, held, named, not_judged
from harness.profile import Profile
from harness.record import ClaimName
from harness.wire import v2

_LIMIT_GRACE_S = 2.0
_LIMIT_GRACE_SHARE = 0.05
"""Timers are coarse: a limit is passed for certain this much later."""
_DELETE_GRACE_S = 1.0
"""What was on its way when the peer deleted."""


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    ends = {child: end for child in trace.children.made if (end := end_of(trace, child)) is not None}
    late: dict[ChildSa, list[Seen]] = {}
    for each in trace.packets:
        if not each.from_target or each.packet is None:
            continue
        child = trace.children.outbound(each.packet.spi, each.number)
        if child in ends and each.time > ends[child]:
            late.setdefault(child, []).append(each)
    for child, packets in late.items():
        frames = frames_of(packets)
        yield failed(
            f"the target sent ESP under SPI {child.outbound.hex()}, {named(frames)}, {_over(trace, child)}",
            frames,
            requirement="RFC7296-1.4.1-03" if _was_deleted(child, packets[0]) else "RFC7296-2.8-01",
        )
    renewals = tuple(_renewals(trace, ends))
    yield from renewals
    if not ends:
        yield not_judged("no Child SA whose end is known")
    elif not late and not renewals:
        yield held(f"the target used none of {len(ends)} Child SAs beyond its end {bounds(trace)}")


def end_of(trace: Trace, child: ChildSa) -> float | None:
    """From when on the Child SA is over for certain."""
    limit = _limit(trace, child)
    ends = [] if limit is None else [child.time + limit * (1 + _LIMIT_GRACE_SHARE) + _LIMIT_GRACE_S]
    if child.ended is not None:
        ends.append(child.ended + _DELETE_GRACE_S)
    return min(ends, default=None)


def _limit(trace: Trace, child: ChildSa) -> float | None:
    """The hard limit in seconds; of two the longer, as either end may take its own."""
    stated = (trace.opening or {}).get("lifetimes")
    declared = number(stated.get("child_hard")) if isinstance(stated, dict) else None
    return max((each for each in (declared, child.seconds) if each is not None), default=None)


def _was_deleted(child: ChildSa, packet: Seen) -> bool:
    return child.ended is not None and packet.time > child.ended + _DELETE_GRACE_S


def _over(trace: Trace, child: ChildSa) -> str:
    if child.ended is not None:
        return f"which its peer had deleted by frame {child.ended_in}"
    return f"which was made in frame {child.number} and had a hard limit of {_limit(trace, child):g} s"


def _renewals(trace: Trace, ends: dict[ChildSa, float]) -> Iterator[Remark]:
    """Rekeys that began after the end of what they renew; what is sent once more began before."""
    said: set[bytes] = set()
    for each in trace.ike:
        if not each.from_target or not each.is_request or each.exchange != Exchange.CREATE_CHILD_SA:
            continue
        if each.octets in said:
            continue
        said.add(each.octets)
        for payload in each.payloads:
            if isinstance(payload, v2.Notify) and payload.notify_type == NotifyType.REKEY_SA:
                child = trace.children.inbound(payload.spi, each.number)
                if child in ends and each.time > ends[child]:
                    yield failed(
                        f"frame {each.number}: the target renews the Child SA {child.inbound.hex()}, {_over(trace, child)}",
                        each.frames,
                    )


RULE = Rule(
    id="INV-14",
    claim=ClaimName.SAFETY,
    title="A Child SA that is over carries nothing of the target's, and is not renewed",
    requirements=("CISCO-RO-44", "RFC7296-2.8-01", "RFC7296-1.4.1-03"),
    rfc=("RFC 7296 §1.4.1", "RFC 7296 §2.8", "RFC 4301 §4.4.2.1"),
    examine=_examine,
    cleared_by=(),
    two_way=False,
)
