"""Which SAs came up and which went down, told from one event to the next."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from harness.bench.links import Outcome
from harness.codes import Protocol as Protection
from harness.codes import name_of
from harness.responder.state import ChildSa, Sa


class SaOutcome(Outcome, Protocol):
    """What one event made a device do, and which SAs it made, altered and ended."""

    @property
    def changed(self) -> Sequence[Sa]:
        """The new values of SAs."""
        ...

    @property
    def gone(self) -> Sequence[bytes]:
        """Our SPIs of SAs that are no more."""
        ...


Told = tuple[str, dict[str, Any]]
"""The name of an event, and its facts."""


class UpAndDown:
    """Remembers the SAs that are up; a child that an heir took over has not gone down."""

    def __init__(self) -> None:
        self._up: dict[bytes, Sa] = {}

    def since(self, outcome: SaOutcome) -> Iterator[Told]:
        """What came up and what went down by this event."""
        after = {sa.ours: sa for sa in outcome.changed}
        gone = {ours for ours in outcome.gone if ours in self._up}
        if not gone and all(self._as_before(sa) for sa in after.values()):
            return
        before = {ours: self._up[ours] for ours in (*after, *gone) if ours in self._up}
        now = {ours: sa for ours, sa in after.items() if sa.up and ours not in outcome.gone}
        for ours in before:
            del self._up[ours]
        self._up |= now
        yield from (("ike-sa up", _facts(sa)) for ours, sa in now.items() if ours not in before)
        yield from _children("child-sa up", now, before)
        yield from _children("child-sa down", before, now)
        yield from (("ike-sa down", _facts(sa)) for ours, sa in before.items() if ours not in now)

    def _as_before(self, sa: Sa) -> bool:
        known = self._up.get(sa.ours)
        if known is None:
            return not sa.up
        return sa.up and _spis(sa) == _spis(known)


def _spis(sa: Sa) -> frozenset[bytes]:
    return frozenset(child.spi_in for child in sa.children)


def _children(event: str, these: dict[bytes, Sa], those: dict[bytes, Sa]) -> Iterator[Told]:
    known = {spi for sa in those.values() for spi in _spis(sa)}
    for sa in these.values():
        yield from ((event, _child_facts(sa, child)) for child in sa.children if child.spi_in not in known)


def _facts(sa: Sa) -> dict[str, Any]:
    return {"ike": sa.version, "spi": sa.ours.hex(), "remote": str(sa.remote)}


def _child_facts(sa: Sa, child: ChildSa) -> dict[str, Any]:
    return {
        **_facts(sa),
        "protocol": name_of(Protection, child.proposal.protocol),
        "spi_in": child.spi_in.hex(),
        "spi_out": child.spi_out.hex(),
    }
