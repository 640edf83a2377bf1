"""What one event makes of the responder: messages out, SAs changed, timers armed, or a drop with its reason."""

from collections.abc import Sequence
from dataclasses import field
from itertools import chain
from typing import Any

from harness.responder.state import Armed as Armed
from harness.responder.state import Sa
from harness.values import value
from harness.wire.datagram import Datagram


@value
class Step:
    """The result of one event; applying it is the core's business alone.

    `changed` are the new values of SAs (made or altered), `gone` the SPIs of SAs that are no more. `armed`
    pairs each timer with the SPI of its SA. `drop` names the reason when the event had no answer.
    """

    send: tuple[Datagram, ...] = ()
    changed: tuple[Sa, ...] = ()
    gone: tuple[bytes, ...] = ()
    armed: tuple[tuple[bytes, Armed], ...] = ()
    drop: str | None = None
    events: tuple[str, ...] = ()
    secrets: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    cells: tuple[str, ...] = ()

    def then(self, later: "Step") -> "Step":
        """Both steps as one, this one first; of an SA that both change the later value stands, in its first place."""
        return Step(
            send=self.send + later.send,
            changed=_latest(self.changed, later.changed),
            gone=self.gone + later.gone,
            armed=self.armed + later.armed,
            drop=self.drop if later.drop is None else later.drop,
            events=self.events + later.events,
            secrets=self.secrets + later.secrets,
            cells=self.cells + later.cells,
        )


NOTHING = Step()


def _latest(earlier: tuple[Sa, ...], later: tuple[Sa, ...]) -> tuple[Sa, ...]:
    if not earlier or not later:
        return earlier + later
    return tuple({sa.ours: sa for sa in (*earlier, *later)}.values())


def drop(reason: str) -> Step:
    """No answer, for the reason named."""
    return Step(drop=reason)


def together(steps: Sequence[Step]) -> Step:
    """All steps as one, in their order; an SA is there with each of its values."""
    if len(steps) == 1:
        return steps[0]
    return Step(
        send=tuple(chain.from_iterable(step.send for step in steps)),
        changed=tuple(chain.from_iterable(step.changed for step in steps)),
        gone=tuple(chain.from_iterable(step.gone for step in steps)),
        armed=tuple(chain.from_iterable(step.armed for step in steps)),
        drop=next((step.drop for step in reversed(steps) if step.drop is not None), None),
        events=tuple(chain.from_iterable(step.events for step in steps)),
        secrets=tuple(chain.from_iterable(step.secrets for step in steps)),
        cells=tuple(chain.from_iterable(step.cells for step in steps)),
    )
