"""Whether a target is to be believed: asked for something that can't exist, its adapter has to say no."""

from typing import cast

from harness.codes import Trigger
from harness.target.contract import ABILITIES, NotApplicable, Prepares, Provokes, Target, TargetUnavailable

IMPOSSIBLE = cast(Trigger, "no-such-trigger")
"""Whoever says that it caused this says nothing by saying that it caused another."""


def probe(target: Target) -> None:
    """TargetUnavailable if the target lacks something here, or its adapter promises what can't be."""
    if isinstance(target, Prepares):
        target.prepare()
    unknown = sorted(target.abilities - ABILITIES.keys())
    if unknown:
        raise TargetUnavailable(
            f"the adapter of {target.name} claims an ability that does not exist: {unknown[0]}"
        )
    if isinstance(target, Provokes) and _agrees_to_anything(target):
        raise TargetUnavailable(
            f"the adapter of {target.name} says that it caused a trigger that does not exist"
        )


def _agrees_to_anything(target: Provokes) -> bool:
    try:
        target.provoke(IMPOSSIBLE)
    except NotApplicable:
        return False
    return True
