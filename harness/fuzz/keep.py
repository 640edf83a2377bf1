"""What a campaign finds is kept: folded by rule and shape, minimised, as a script with its capture beside it."""

import hashlib
import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.fuzz.moves import Move
from harness.fuzz.play import Played, play, rehearsed
from harness.fuzz.script import Fault, FuzzScript, NoScript, read_script
from harness.target.contract import Elsewhere, Target

MOST_PLAYS = 400
"""How often a script may be played to make it smaller."""
PAIRS_UP_TO = 12
"""How many moves may be left for pairs of them to be tried as well."""

Persists = Callable[[Sequence[Move]], bool]
"""Whether the fault still shows with these moves alone."""


@dataclass(slots=True)
class Found:
    """A finding: what is kept of it, and how often it was seen; `new` if it was not kept before this campaign."""

    id: str
    fault: Fault
    script: Path
    capture: Path
    minimal_messages: int
    seen: int = 1
    new: bool = True
    steady: bool = True
    """Whether it showed again when it was played again."""

    def to_json(self) -> dict[str, Any]:
        """The finding as `fuzz --json` tells it."""
        return {
            "id": self.id,
            "rule": self.fault.rule,
            "script": str(self.script),
            "capture": str(self.capture),
            "minimal_messages": self.minimal_messages,
            "seen": self.seen,
            "says": self.fault.says,
            "shape": self.fault.shape,
            "new": self.new,
            "steady": self.steady,
        }


class Keeper:
    """Keeps findings in a directory; what an earlier campaign kept there is known, not new."""

    def __init__(self, directory: Path, target: Target) -> None:
        self._directory = directory
        self._target = target
        self.found: dict[tuple[str, str], Found] = {}
        self._known = dict(_kept_before(directory))

    def take(self, script: FuzzScript, faults: Sequence[Fault], seen: Played | None = None) -> list[Found]:
        """Fold the faults of a play into the findings; the result are those that were not seen in this campaign.

        What was `seen` of somebody's device is kept as it is: nobody harms it again to make the script smaller.
        """
        fresh = []
        for fault in faults:
            found = self.found.get(fault.key)
            if found is not None:
                found.seen += 1
                continue
            known = self._known.get(fault.key)
            found = known if known is not None else self._keep(script, fault, seen)
            self.found[fault.key] = found
            fresh.append(found)
        return fresh

    def _keep(self, script: FuzzScript, fault: Fault, seen: Played | None) -> Found:
        name = f"{fault.rule.lower()}-{hashlib.sha256(fault.shape.encode()).hexdigest()[:8]}"
        self._directory.mkdir(parents=True, exist_ok=True)
        path, capture = self._directory / f"{name}.json", self._directory / f"{name}.pcapng"
        replace(script, fault=fault, target=self._target.name).write(path)  # whatever comes: the find is kept
        if seen is not None and isinstance(self._target, Elsewhere):
            shutil.copy(seen.capture, capture)
            return Found(name, fault, path, capture, seen.messages, steady=False)
        smaller = minimal(script, fault, self._target)
        played = play(smaller, self._target, capture)
        shown = _shown(played, fault)
        if shown is None:  # it does not repeat: what showed it is kept as it was
            smaller = script
            played = play(script, self._target, capture)
            shown = _shown(played, fault)
        replace(smaller, fault=shown or fault, target=self._target.name).write(path)
        return Found(name, shown or fault, path, capture, played.messages, steady=shown is not None)


def minimal(script: FuzzScript, fault: Fault, target: Target, most_plays: int = MOST_PLAYS) -> FuzzScript:
    """The script with as few moves as still show the fault, and on a target set up as usual if it shows there.

    It is tried in virtual time where the target allows that, and where it was found if it does not show there; a
    fault that does not show at all leaves the script as it is.
    """
    for where in dict.fromkeys((rehearsed(script.where, target), script.where)):
        tried = replace(script, where=where)
        with TemporaryDirectory(prefix="ike-harness-fuzz-") as place:
            shows = partial(_shows, target, fault, Path(place) / "play.pcapng")
            if shows(tried, tried.moves):
                fewest = _fewest(tried.moves, partial(shows, tried), most_plays)
                usual = replace(tried, where=replace(where, settings="default"))
                return replace(usual if shows(usual, fewest) else tried, moves=tuple(fewest))
    return script


def _shows(target: Target, fault: Fault, capture: Path, script: FuzzScript, moves: Sequence[Move]) -> bool:
    return _shown(play(replace(script, moves=tuple(moves)), target, capture), fault) is not None


def _fewest(moves: Sequence[Move], persists: Persists, most_plays: int) -> list[Move]:
    """Moves left away in ever smaller pieces, from the end, until neither one nor a pair can go."""
    kept, left = list(moves), most_plays

    def shorter(tried: list[Move]) -> bool:
        nonlocal kept, left
        if not tried or len(tried) >= len(kept) or left <= 0:
            return False
        left -= 1
        if persists(tried):
            kept = tried
            return True
        return False

    size = max(1, len(kept) // 2)
    while left > 0:
        before = len(kept)
        for end in range(len(kept), 0, -size):
            shorter(kept[: max(0, end - size)] + kept[end:])
        if size > 1:
            size //= 2
        elif len(kept) == before and not _without_a_pair(lambda: kept, shorter):
            break
    return kept


def _without_a_pair(kept: Callable[[], list[Move]], shorter: Callable[[list[Move]], bool]) -> bool:
    """Leave away two moves that only make sense together, such as what makes a child and what deletes it."""
    moves = kept()
    if len(moves) > PAIRS_UP_TO:
        return False
    pairs = itertools.combinations(range(len(moves)), 2)
    return any(shorter([move for at, move in enumerate(moves) if at not in pair]) for pair in pairs)


def _shown(played: Played, fault: Fault) -> Fault | None:
    return next((each for each in played.faults if each.key == fault.key), None)


def _kept_before(directory: Path) -> list[tuple[tuple[str, str], Found]]:
    kept = []
    for path in sorted(directory.glob("*.json")) if directory.is_dir() else ():
        try:
            script = read_script(path)
        except NoScript:
            continue
        if script.fault is not None:
            found = Found(path.stem, script.fault, path, path.with_suffix(".pcapng"), 0, seen=1, new=False)
            kept.append((script.fault.key, found))
    return kept


class Outcome(StrEnum):
    """What replaying a kept script comes to."""

    FIXED = "FIXED"
    STILL_FAILS = "STILL FAILS"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Replayed:
    """The outcome, and what it rests on: the faults of this play, or why it could not be played."""

    outcome: Outcome
    faults: tuple[Fault, ...] = ()
    why: str = ""


def replayed(script: FuzzScript, target: Target, capture: Path) -> Replayed:
    """Play a kept script again: it still fails if the kept fault shows, or without one if any does."""
    played = play(script, target, capture)
    fault = script.fault
    fails = bool(played.faults) if fault is None else any(_same(each, fault) for each in played.faults)
    return Replayed(Outcome.STILL_FAILS if fails else Outcome.FIXED, played.faults)


def _same(fault: Fault, kept: Fault) -> bool:
    """The same rule is enough: another target, or a later judge, may say it in other words."""
    return fault.rule == kept.rule
