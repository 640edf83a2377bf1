"""INV-18: what a Child SA was made for does not leave the target's side in clear, neither while it lives nor afterwards.

Keys show the selectors. A packet in clear convicts where its capture stands at the target's end, or between the ends of
an SA that lives; whether the policy outlives the SA is known of a target that was configured from here. In somebody
else's capture the packet may have been seen inside of a gateway. AH is not read.
"""

from collections.abc import Iterator

from harness.observe import Protected, Seen, Trace, protected
from harness.oracle.standing.inv14 import end_of
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    frames_of,
    held,
    named,
    not_judged,
    tap_at_target,
    undecided,
)
from harness.profile import Profile
from harness.record import ClaimName


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    pairs = protected(trace.ike)
    if not pairs:
        yield not_judged("no Child SA whose selectors the keys show")
        return
    bare = _bare(trace, pairs)
    for pair, packets in bare.items():
        yield from _judged(trace, pair, packets)
    if not bare and trace.own and tap_at_target(trace):
        yield held(
            f"nothing for the {len(pairs)} Child SAs that were seen in the making left in clear {bounds(trace)}"
        )
    elif not bare:
        yield not_judged("nothing in clear was captured, where more than IKE and ESP may not have been")


def _bare(trace: Trace, pairs: tuple[Protected, ...]) -> dict[Protected, list[Seen]]:
    """The packets in clear by the newest Child SA that is for them; those that ESP was seen to carry left out."""
    carried = {each.packet.inner for each in trace.packets if each.packet is not None and each.from_target}
    found: dict[Protected, list[Seen]] = {}
    for each in trace.in_clear:
        inner = None if each.packet is None else each.packet.inner
        if inner is None or (inner in carried and not trace.own):
            continue
        pair = next(
            (pair for pair in reversed(pairs) if pair.since < each.number and pair.covers(inner)), None
        )
        if pair is not None:
            found.setdefault(pair, []).append(each)
    return found


def _judged(trace: Trace, pair: Protected, packets: list[Seen]) -> Iterator[Remark]:
    end = _end(trace, pair)
    late = [each for each in packets if end is not None and each.time > end]
    early = [each for each in packets if each not in late]
    if early:
        yield _told(
            trace, early, f"left in clear; the Child SA of frame {pair.since} is there for them", over=False
        )
    if late:
        yield _told(
            trace, late, f"left in clear; the Child SA of frame {pair.since} was there for them", over=True
        )


def _told(trace: Trace, packets: list[Seen], what: str, *, over: bool) -> Remark:
    frames = frames_of(packets)
    first = packets[0]
    says = f"packets from {first.source.address} to {first.destination.address}, {named(frames)}, {what}"
    if not trace.own:
        return undecided(
            f"{says}, unless this was captured where packets are not yet, or no longer, in ESP", frames
        )
    if over and not _configured_here(trace):
        return undecided(f"{says}, and whether the policy of the target outlives it is not known", frames)
    return failed(says, frames)


def _end(trace: Trace, pair: Protected) -> float | None:
    """When the Child SA was over for certain."""
    child = next((each for each in trace.children.made if each.number == pair.since), None)
    return None if child is None else end_of(trace, child)


def _configured_here(trace: Trace) -> bool:
    """Whether the target took its configuration from the harness, whose policy protects for good: such evidence has its lifetimes."""
    return "lifetimes" in (trace.opening or {})


RULE = Rule(
    id="INV-18",
    claim=ClaimName.PROTOCOL,
    title="What a Child SA is for does not leave the target's side in clear, nor when it is over",
    requirements=("RFC4301-5.1-01",),
    rfc=("RFC 4301 §4.4.1", "RFC 4301 §5.1", "RFC 7296 §2.9"),
    examine=_examine,
    cleared_by=(),
    outlives_gaps=True,
)
