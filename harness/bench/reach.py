"""Whether a target answers at all: a first message to it, before anything is claimed of it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from harness.bench.ending import control
from harness.bench.evidence import Evidence
from harness.bench.perform import Performer
from harness.bench.stage import UdpStage
from harness.clock import SystemEntropy
from harness.peer import Initiator
from harness.profile import DEFAULT, Configuration
from harness.target.contract import Elsewhere, Target, TargetUnavailable

ASKING = "alice"


def reach(target: Target) -> None:
    """TargetUnavailable if the target does not answer a peer's first message, sent from where the first peer stands."""
    configuration = target.configuration if isinstance(target, Elsewhere) else DEFAULT
    place = UdpStage(target, configuration, (ASKING,))
    try:
        if not _heard(place, target.abilities):
            raise TargetUnavailable(
                f"{target.name} answers no first message at {place.target.ike}, sent from "
                f"{place.cast[ASKING].ike}: is it there, does it know this peer, does nothing between them filter?"
            )
    finally:
        place.close()


def why_out_of_reach(target: Target) -> str | None:
    """Why nothing can be asked of the target, in a sentence; None if it answers."""
    try:
        reach(target)
    except TargetUnavailable as why:
        return str(why)
    return None


def _heard(place: UdpStage, answers: frozenset[str]) -> bool:
    with TemporaryDirectory(prefix="ike-harness-reach-") as directory:
        evidence = Evidence(Path(directory) / "reach.pcapng", {}, keys=False)
        asking = _initiator(place.configuration, place)
        performer = Performer(place.link(evidence.tap), evidence, (asking,))
        performer.play(control(asking, answers))
        evidence.finish(0.0)
    return asking.heard_at is not None


def _initiator(configuration: Configuration, place: UdpStage) -> Initiator:
    at, target = place.cast[ASKING], place.target
    mirrored = configuration.mirrored()
    return Initiator(ASKING, mirrored, SystemEntropy(), at.ike, at.natt, target.ike, target.natt)
