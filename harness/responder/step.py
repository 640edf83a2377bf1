"""What one event makes of the responder: messages out, SAs changed, timers armed, or a drop with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.responder.state import Sa, Timer
from harness.wire.datagram import Datagram


@dataclass(frozen=True, slots=True)
class Armed:
    """A timer: when it is due, what it is for, and which part of the SA it means (a Message ID, a child's SPI)."""

    due: float
    timer: Timer
    about: bytes | int = 0


@dataclass(frozen=True, slots=True)
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
        """Both steps as one, this one first; a drop stands only if nothing else happened."""
        return Step(
            send=self.send + later.send,
            changed=self.changed + later.changed,
            gone=self.gone + later.gone,
            armed=self.armed + later.armed,
            drop=self.drop if later.drop is None else later.drop,
            events=self.events + later.events,
            secrets=self.secrets + later.secrets,
            cells=self.cells + later.cells,
        )


NOTHING = Step()


def drop(reason: str) -> Step:
    """No answer, for the reason named."""
    return Step(drop=reason)


def together(steps: Sequence[Step]) -> Step:
    """All steps as one, in their order."""
    whole = NOTHING
    for step in steps:
        whole = whole.then(step)
    return whole
