"""INV-17: whatever the target starts goes to an address that a peer used, at any time, or named as its own.

Judged are messages of IKE, in datagrams or over TCP, but for those of SAs older than the capture. The addresses that a
peer adds (RFC 4555 section 3.6) are sealed: where something of it did not open, an address may be among them. A two-way
device has peers by its configuration, which the harness's own evidence names. Keepalives for a NAT are at most a remark.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from harness.codes import Exchange, NotifyType, ProfileName
from harness.observe import Birth, Doubt, Matter, Seen, Trace
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    frames_of,
    held,
    named,
    not_judged,
    noted,
    self_started,
    undecided,
)
from harness.profile import Profile
from harness.record import ClaimName
from harness.wire import v2
from harness.wire.datagram import Endpoint, Kind

_ADDS = frozenset({NotifyType.ADDITIONAL_IP4_ADDRESS, NotifyType.ADDITIONAL_IP6_ADDRESS})
_LISTS = frozenset({int(Exchange.IKE_AUTH), int(Exchange.INFORMATIONAL)})
"""Exchanges that may carry a peer's further addresses."""


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    started = tuple(self_started(trace))
    known = _known(trace)
    two_way = profile.name is ProfileName.TWO_WAY
    if two_way:
        known |= _configured(trace.opening)
    strange: dict[str, list[Seen]] = {}
    for each in started:
        if each.destination.address not in known and not _of_an_older_sa(trace, each):
            strange.setdefault(each.destination.address, []).append(each)
    yield from _early_keepalives(trace)
    for address, messages in strange.items():
        yield _judge(trace, address, messages, two_way=two_way)
    if not strange:
        yield held(f"whatever the target started went to addresses of its peers {bounds(trace)}")


def _judge(trace: Trace, address: str, messages: list[Seen], *, two_way: bool) -> Remark:
    frames = frames_of(messages)
    says = f"the target started exchanges with {address}, {named(frames)}"
    if two_way and not trace.own:
        return not_judged(f"{says}; whether it is one of the peers of its configuration nobody says")
    if any(each.sealed for each in messages) and _lists_hidden(trace):
        return undecided(
            f"{says}, which nobody used; its peer may have added it where nothing opened", frames
        )
    return failed(f"{says}, an address that none of its peers used or named", frames)


def _of_an_older_sa(trace: Trace, seen: Seen) -> bool:
    """Whether its SA is older than the capture: its peer may have used the address before."""
    assert seen.header is not None
    first = trace.associations.ancestor(seen.header)
    return first is not None and first.birth is Birth.UNSEEN and seen.sealed


def _early_keepalives(trace: Trace) -> Iterator[Remark]:
    """NAT keepalives between ports over which no peer had said anything (RFC 3948 section 4): left over from before?"""
    met: set[tuple[Endpoint, Endpoint]] = set()
    early: list[Seen] = []
    for each in trace.seen:
        if not each.from_target:
            met.add((each.source, each.destination))
        elif each.kind is Kind.KEEPALIVE and (each.destination, each.source) not in met:
            early.append(each)
    if early:
        frames = frames_of(early)
        yield noted(
            f"the target kept a NAT's mapping alive before its peer had said anything there, {named(frames)}",
            frames,
        )


def _known(trace: Trace) -> frozenset[str]:
    peers = (each for each in trace.ike if not each.from_target and each.exchange in _LISTS)
    return trace.speakers.union(_added(peers))


def _added(messages: Iterable[Seen]) -> Iterator[str]:
    for each in messages:
        for payload in each.payloads:
            if (
                isinstance(payload, v2.Notify)
                and payload.notify_type in _ADDS
                and len(payload.data) in (4, 16)
            ):
                yield str(ip_address(payload.data))


def _lists_hidden(trace: Trace) -> bool:
    return trace.holds(Matter.HIDDEN_LISTS) or any(
        each.doubt is Doubt.NO_KEYS and each.joined_in is None
        for each in trace.ike
        if not each.from_target and each.exchange in _LISTS
    )


def _configured(opening: Mapping[str, Any] | None) -> set[str]:
    """The addresses of all ends that the harness's own evidence names."""
    cast = (opening or {}).get("cast")
    places = cast.values() if isinstance(cast, dict) else ()
    ends = [end for place in places for end in (place if isinstance(place, list) else [place])]
    return {str(end).rpartition(":")[0].strip("[]") for end in ends}


RULE = Rule(
    id="INV-17",
    claim=ClaimName.SAFETY,
    title="What the target starts goes to addresses that its peers used or named",
    requirements=("CISCO-RO-39", "RFC4555-3.6-06"),
    rfc=("RFC 4555 §3.5", "RFC 4555 §3.6", "RFC 7296 §2.11"),
    examine=_examine,
    cleared_by=(Fact.ONE_PEER, Fact.PEER_OPENS),
)
