"""What a standing rule is: a statement that holds in every trace, and how far the evidence must reach to judge it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.codes import ProfileName
from harness.observe import NO_SPI, Seen, Trace
from harness.oracle.facts import Fact
from harness.profile import Profile
from harness.record import ClaimName, Finding, Verdict, Weight, printable

_NAMED = 6
_TOLD_SINGLY = 8
_IN_PROCESS = ("virtual", "lossy")
"""Links whose tap stands at the target's end, behind whatever the link does to datagrams."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule has to say of one thing, before it becomes a finding."""

    verdict: Verdict
    says: str
    frames: tuple[int, ...] = ()
    weight: Weight = Weight.MUST
    requirement: str | None = None
    claim: ClaimName | None = None


Examine = Callable[[Trace, Profile], Iterable[Remark]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A standing rule: its statement, its authority, and the function that examines a trace."""

    id: str
    claim: ClaimName
    title: str
    requirements: tuple[str, ...]
    """Registry ids; the first one stands in findings that name no other."""
    rfc: tuple[str, ...]
    """Where the documents say it."""
    examine: Examine
    cleared_by: tuple[Fact, ...]
    """The facts by which it has nothing to find in a plain conversation of a capture without keys."""
    outlives_gaps: bool = False
    """Whether a FAIL stands although the capture is known to lack something."""
    two_way: bool = True
    """Whether it binds a device that may start anything."""

    def check(self, trace: Trace, profile: Profile) -> tuple[Finding, ...]:
        """The rule's findings: at least one, also when there was nothing to judge."""
        if profile.name is ProfileName.TWO_WAY and not self.two_way:
            remarks: Iterable[Remark] = (not_judged(f"{self.id} does not bind a two-way device"),)
        else:
            remarks = self.examine(trace, profile)
        return tuple(self._finding(_told(self, _settled(self, remark, trace), trace)) for remark in remarks)

    def _finding(self, remark: Remark) -> Finding:
        requirement = self.requirements[0] if remark.requirement is None else remark.requirement
        claim = remark.claim or self.claim
        says = printable(remark.says)
        return Finding(self.id, remark.verdict, says, remark.frames, remark.weight, requirement, claim)


def _settled(rule: Rule, remark: Remark, trace: Trace) -> Remark:
    """What is left of a remark when the capture has a known gap: no PASS, and no FAIL that a lost frame could explain."""
    if trace.gap_free is not False or remark.weight is Weight.NOTE:
        return remark
    if remark.verdict is Verdict.PASS or (remark.verdict is Verdict.FAIL and not rule.outlives_gaps):
        says = f"{remark.says}; but {'; '.join(trace.gaps)}, so this proves nothing"
        return replace(remark, verdict=Verdict.INCONCLUSIVE, says=says)
    return remark


def _told(rule: Rule, remark: Remark, trace: Trace) -> Remark:
    """A FAIL in safety with what it rests on: window, triggers, completeness, and what its SAs said before."""
    if remark.verdict is not Verdict.FAIL or (remark.claim or rule.claim) is not ClaimName.SAFETY:
        return remark
    rests = f"{remark.says}; seen {bounds(trace)}"
    earlier = _earlier(trace, remark.frames)
    history = f"; of the same SPIs {spans(earlier)} came before" if earlier else ""
    return replace(remark, says=f"{rests}{history}")


def _earlier(trace: Trace, frames: Sequence[int]) -> list[int]:
    """The frames before the last of these that have the SPIs of one of them, or its initiator's SPI alone."""
    offence = frozenset(frames)
    pairs = {each.header.pair for each in trace.ike if each.number in offence and each.header is not None}
    told: set[int] = set()
    for spi_i, spi_r in pairs:
        for each in trace.messages_by_spi.get(spi_i, ()):
            if each.number < max(frames) and each.spi_r in (spi_r, NO_SPI):
                told.update(each.frames)
    return sorted(told - offence)


def failed(
    says: str,
    frames: Sequence[int],
    *,
    requirement: str | None = None,
    weight: Weight = Weight.MUST,
    claim: ClaimName | None = None,
) -> Remark:
    """The rule is broken."""
    return Remark(Verdict.FAIL, says, tuple(frames), weight, requirement, claim)


def held(says: str, frames: Sequence[int] = ()) -> Remark:
    """The rule held."""
    return Remark(Verdict.PASS, says, tuple(frames))


def undecided(says: str, frames: Sequence[int] = ()) -> Remark:
    """The evidence does not reach."""
    return Remark(Verdict.INCONCLUSIVE, says, tuple(frames))


def noted(says: str, frames: Sequence[int] = ()) -> Remark:
    """Worth a person's look; it counts for nothing."""
    return Remark(Verdict.INCONCLUSIVE, says, tuple(frames), Weight.NOTE)


def not_judged(says: str) -> Remark:
    """There was nothing that the rule speaks of."""
    return Remark(Verdict.NOT_APPLICABLE, says)


def folded(remarks: Iterable[Remark]) -> Iterator[Remark]:
    """The first few remarks as they are, all further ones of a verdict in one: a flood is told in a few lines."""
    further: dict[Verdict, list[Remark]] = {}
    for number, remark in enumerate(remarks):
        if number < _TOLD_SINGLY:
            yield remark
        else:
            further.setdefault(remark.verdict, []).append(remark)
    for group in further.values():
        frames = tuple(dict.fromkeys(frame for remark in group for frame in remark.frames))
        says = f"{len(group)} more of the kind, {named(frames)}; the first: {group[0].says}"
        yield replace(group[0], says=says, frames=frames)


def self_started(trace: Trace) -> Iterator[Seen]:
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


def frames_of(seen: Iterable[Seen]) -> tuple[int, ...]:
    """The frames of these messages, each once, in order."""
    return tuple(sorted({number for each in seen for number in each.frames}))


def named(frames: Sequence[int]) -> str:
    """The frames in words: `frame 4`, `frames 4 and 7`, `frames 4, 7, 9 … (12 in all)`."""
    if not frames:
        return "no frame"
    if len(frames) == 1:
        return f"frame {frames[0]}"
    if len(frames) > _NAMED:
        return f"frames {', '.join(map(str, frames[:_NAMED]))} … ({len(frames)} in all)"
    return f"frames {', '.join(map(str, frames[:-1]))} and {frames[-1]}"


def spans(frames: Sequence[int]) -> str:
    """All the frames in words, runs of them by their ends: `frame 4`, `frames 1-6, 9`."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][-1] + 1:
            runs[-1][1:] = [frame]
        else:
            runs.append([frame])
    told = ", ".join("-".join(map(str, run)) for run in runs)
    return f"frame{'s' if len(frames) > 1 else ''} {told}"


def pair_of(seen: Seen) -> str:
    """The SPIs of a message, as Wireshark shows them."""
    return f"{(seen.spi_i or b'').hex()}/{(seen.spi_r or b'').hex()}"


def pairs_of(seen: Iterable[Seen]) -> str:
    """The SAs of these messages: the first by its SPIs, the others by their number."""
    pairs = list(dict.fromkeys(pair_of(each) for each in seen))
    more = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
    return f"{pairs[0]}{more}"


def tap_at_target(trace: Trace) -> bool:
    """Whether what was captured is what the target itself got and sent: nothing was lost or doubled in between."""
    opening = trace.opening or {}
    return opening.get("tap") == "target" or opening.get("link") in _IN_PROCESS


def bounds(trace: Trace) -> str:
    """How far a claim about everything the target sent reaches: window, messages, triggers, completeness."""
    sent = trace.sent
    triggers = f"triggers: {', '.join(trace.triggers)}" if trace.triggers else "no triggers"
    complete = "nothing lost" if trace.gap_free else "as far as captured"
    windows = (trace.opening or {}).get("windows")
    asked = f" ({windows} window)" if windows else ""
    return f"in {trace.window_s:.1f} s{asked} and {sent} IKE message{'' if sent == 1 else 's'} of its own ({triggers}; {complete})"
