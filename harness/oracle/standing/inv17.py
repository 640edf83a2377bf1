"""INV-17: whatever the target starts goes to an address that a peer used, at any time, or named as its own.

Judged are messages of IKE, in datagrams or over TCP. The addresses that a peer adds (RFC 4555 section 3.6) are sealed:
where something of it did not open, an address may be among them. A two-way device has peers by its configuration,
which the harness's own evidence names.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from harness.codes import Exchange, NotifyType, ProfileName
from harness.observe import Doubt, Seen, Trace
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    frames_of,
    held,
    named,
    not_judged,
    undecided,
)
from harness.profile import Profile
from harness.record import ClaimName
from harness.wire import v2

_ADDS = frozenset({NotifyType.ADDITIONAL_IP4_ADDRESS, NotifyType.ADDITIONAL_IP6_ADDRESS})
_LISTS = frozenset({int(Exchange.IKE_AUTH), int(Exchange.INFORMATIONAL)})
"""Exchanges that may carry a peer's further addresses."""


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    started = tuple(_self_started(trace))
    known = _known(trace)
    two_way = profile.name is ProfileName.TWO_WAY
    if two_way:
        known |= _configured(trace.opening)
    strange: dict[str, list[Seen]] = {}
    for each in started:
        if each.destination.address not in known:
            strange.setdefault(each.destination.address, []).append(each)
    for address, messages in strange.items():
        yield _judge(trace, address, messages, two_way=two_way)
    if not strange:
        yield held(
            f"all {len(started)} messages that the target started went to addresses of its peers {bounds(trace)}"
        )


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


def _self_started(trace: Trace) -> Iterator[Seen]:
    """The target's requests, and of version 1, which has no direction bit, what it is the first to say."""
    said: set[object] = set()
    for each in trace.ike:
        header = each.header
        if header is None:
            continue
        if header.is_v1:
            key = (header.spi_i, header.exchange, header.message_id)
            if each.from_target and key not in said:
                yield each
            elif not each.from_target:
                said.add(key)
        elif each.from_target and header.is_request:
            yield each


def _known(trace: Trace) -> set[str]:
    used = {each.source.address for each in trace.seen if not each.from_target}
    peers = (each for each in trace.ike if not each.from_target and each.exchange in _LISTS)
    return used | set(_added(peers))


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
    return any(
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
)
