"""INV-16: the target still answers when all is over.

A stranger's first message ends every case; whatever comes back shows that the target lives. So a crash never
passes for obedience.
"""

from collections.abc import Iterator
from math import inf

from harness.observe import Seen, Trace
from harness.oracle.standing.rule import Remark, Rule, failed, held, named, not_judged
from harness.profile import Profile
from harness.record import ClaimName

_CONTROL = "control"
LAST = 4
"""So many messages before a crash are named."""


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    asked = trace.asked_under(_CONTROL)
    crash = trace.observations("crash")
    if crash.value:
        last = _last_frames(trace, asked)
        told = f"; the last messages before are {named(last)}" if last else ""
        yield failed(f"the target crashed: {crash.value[0].outcome}{told}", last)
    elif not asked:
        yield not_judged("the evidence has no control exchange")
    if not asked:
        return
    frames = tuple(each.number for each in asked)
    answers = trace.replies_to(_CONTROL)
    if answers.present:
        yield held("the target still answers", (*frames[:1], *answers.frames[:1]))
        return
    yield failed(
        f"the target no longer answers: a stranger's first message was sent {len(frames)} time"
        f"{'' if len(frames) == 1 else 's'} after the case ({named(frames)}), and nothing came back",
        frames,
    )


def _last_frames(trace: Trace, asked: tuple[Seen, ...]) -> tuple[int, ...]:
    """The last messages before the control exchange: what the target died of may be among them."""
    end = asked[0].number if asked else inf
    return tuple(each.number for each in trace.ike if each.number < end)[-LAST:]


RULE = Rule(
    id="INV-16",
    claim=ClaimName.LIVENESS,
    title="The target still answers after the case",
    requirements=("CISCO-RO-43", "CISCO-RO-06"),
    rfc=("RFC 7296 §1.2", "RFC 2409 §5"),
    examine=_examine,
    cleared_by=(),
    outlives_gaps=True,
)
