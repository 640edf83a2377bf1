"""Whether a case can be played on its target, and what the target is then: set up for it, or as somebody set it up."""

from collections.abc import Set
from dataclasses import fields, replace
from typing import Any

from harness.bench.windows import Windows, outlasting_s, waits_s, watched_s
from harness.case import Case
from harness.clock import started_at
from harness.codes import ProfileName, Trigger
from harness.profile import DEFAULT, Configuration
from harness.target.contract import (
    PHASES,
    TRIGGERS,
    Elsewhere,
    NotApplicable,
    NotCaused,
    Target,
)

CVE = "cve"
"""The name, among those of the same matter elsewhere, of defects that became known: their shape is an attack."""


def configured_for(case: type[Case], target: Target, profile: ProfileName) -> Configuration:
    """What the target is for the case: as it stands if it is somebody else's, otherwise as the case wants it."""
    if isinstance(target, Elsewhere):
        return target.configuration
    return _wanted(case, replace(DEFAULT, profile=profile))


def refuse_misfit(case: type[Case], target: Target, of_link: Set[str], where: str) -> None:
    """NotApplicable names what the case needs and neither target nor link has; NotCaused: a trigger that could be had."""
    elsewhere = target if isinstance(target, Elsewhere) else None
    missing = needs(case, elsewhere is not None) - target.abilities - of_link
    if missing - (TRIGGERS if elsewhere else frozenset()):
        raise NotApplicable(f"{where} lacks what the case needs: {', '.join(sorted(missing))}")
    if elsewhere is None:
        return
    other = _to_be_set_up(case, elsewhere)
    if other:
        raise NotApplicable(f"{where} would have to be configured otherwise: {', '.join(other)}")
    why = elsewhere.refuses_attacks(started_at()) if is_attack(case) else None
    if why is not None:
        raise NotApplicable(f"the case has the shape of an attack. {why}")
    reasons = [elsewhere.why_not_caused(Trigger(each)) for each in sorted(missing)]
    if reasons:
        raise NotCaused("; ".join(filter(None, reasons)))


def needs(case: type[Case], elsewhere: bool = False) -> frozenset[str]:
    """The abilities that the case names and those that it takes for granted; a device elsewhere may be as it wants it."""
    version = frozenset() if case.needs & set(PHASES) else frozenset({"v2"})
    return case.needs | version | (frozenset() if case.settings is None or elsewhere else {"configure"})


def waits(case: type[Case], target: Target, windows: Windows) -> float:
    """Seconds that the case waits for timers of this target."""
    if not isinstance(target, Elsewhere):
        return waits_s(case, windows)
    own = sum(target.wait_for(Trigger(each)) for each in case.needs & TRIGGERS)
    return case.wait_s + own + watched(case, target, windows, target.configuration)


def watched(case: type[Case], target: Target, windows: Windows, configuration: Configuration) -> float:
    """Seconds of the silent window of the case: a lifetime that was declared, and that it outlasts, passes within."""
    if case.silence is None:
        return 0.0
    asked = watched_s(case.silence, windows, configuration)
    hard = _declared(case, target) if isinstance(target, Elsewhere) else None
    return asked if hard is None else max(asked, outlasting_s(hard, windows))


def declared(target: Elsewhere) -> dict[str, Any]:
    """What the evidence says of a device that somebody else set up: its limits and its patience."""
    return {"lifetimes": dict(target.lifetimes), "t_resp_s": target.t_resp_s}


def is_attack(case: type[Case]) -> bool:
    """Whether the case sends what is known to have harmed devices."""
    return CVE in case.also


def _to_be_set_up(case: type[Case], elsewhere: Elsewhere) -> list[str]:
    """The fields of the device's configuration that the case wants otherwise; not a lifetime that it outlasts."""
    if _declared(case, elsewhere) is not None:
        return []
    stands = elsewhere.configuration
    wanted = _wanted(case, stands)
    return [each.name for each in fields(stands) if getattr(stands, each.name) != getattr(wanted, each.name)]


def _declared(case: type[Case], elsewhere: Elsewhere) -> float | None:
    """The lifetime that the case outlasts, if somebody declared how long it is."""
    return None if case.outlasts is None else elsewhere.lifetimes.get(f"{case.outlasts}_hard")


def _wanted(case: type[Case], configuration: Configuration) -> Configuration:
    return configuration if case.settings is None else case.settings(configuration)
