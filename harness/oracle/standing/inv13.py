"""INV-13: the target sends ESP under SPIs that its peer proposed, in exchanges that the peer started or that it may start.

Only keys show which SPIs were proposed. An SPI that no exchange named is judged where every exchange was seen and
opened, in the harness's own evidence: elsewhere its Child SA may be older than the capture.
"""

from collections.abc import Iterator

from harness.observe import ChildSa, Seen, Trace
from harness.oracle.standing.rule import Remark, Rule, failed, frames_of, held, named, not_judged
from harness.profile import Profile, Start
from harness.record import ClaimName


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    sent = [each for each in trace.packets if each.from_target]
    children = trace.children
    strange: dict[bytes, list[Seen]] = {}
    own: dict[ChildSa, list[Seen]] = {}
    for each in sent:
        assert each.packet is not None
        child = children.outbound(each.packet.spi, each.number)
        if child is None:
            strange.setdefault(each.packet.spi, []).append(each)
        elif child.by_target and _needs(child) not in profile.may:
            own.setdefault(child, []).append(each)
    for child, packets in own.items():
        frames = frames_of(packets)
        yield failed(
            f"the target sent ESP under SPI {child.outbound.hex()}, {named(frames)}, of a Child SA that it started "
            f"itself (frame {child.number}), which profile {profile.name} does not let it",
            frames,
            requirement="CISCO-RO-03" if child.version == 1 else "CISCO-RO-40",
        )
    certain = trace.own and children.hidden is None
    if strange and not certain:
        told = ", ".join(spi.hex() for spi in list(strange)[:4])
        yield not_judged(f"which exchange made {told} was not captured, or did not open")
    elif strange:
        for spi, packets in strange.items():
            frames = frames_of(packets)
            yield failed(
                f"the target sent ESP under SPI {spi.hex()}, {named(frames)}, which its peer proposed nowhere",
                frames,
            )
    if not sent:
        yield not_judged("the target sent no ESP")
    elif not strange and not own:
        yield held(f"{len(sent)} ESP packets of the target go under SPIs that its peer proposed")


def _needs(child: ChildSa) -> Start:
    """What a profile must allow for the target to make such a Child SA."""
    return Start.FIRST_CHILD if child.renews is None and child.version == 2 else Start.CHILD_REKEY


RULE = Rule(
    id="INV-13",
    claim=ClaimName.PROTOCOL,
    title="ESP of the target goes under SPIs that its peer proposed where the target had not started by itself",
    requirements=("RFC4301-5.1-01", "CISCO-RO-40", "CISCO-RO-03"),
    rfc=("RFC 7296 §2.8", "RFC 4301 §5.1", "RFC 2409 §5.5"),
    examine=_examine,
    cleared_by=(),
)
