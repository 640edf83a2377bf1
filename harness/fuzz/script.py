"""A fuzzer's script: where it is played, and its moves; stored as JSON, and never with a command in it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.bench.stage import LinkKind
from harness.codes import ProfileName
from harness.fuzz import moves
from harness.fuzz.moves import Move
from harness.profile import DEFAULT, Configuration, Dpd

FORMAT = 1
KIND = "ike-harness fuzz script"
BIGGEST = 16 << 20
MOST_MOVES = 100_000

SETTINGS: Mapping[str, Callable[[Configuration], Configuration]] = {
    "default": lambda configuration: configuration,
    "brisk": lambda configuration: replace(configuration, dpd=Dpd(interval=20.0)).with_lifetimes(
        child_hard=60.0, ike_hard=200.0
    ),
    "cookies": lambda configuration: replace(configuration, cookie_threshold=0),
}
"""How a target may be set up for a script, by name."""


class NoScript(Exception):
    """A file is no script; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Where:
    """What a script needs besides its moves to be played as it was."""

    seed: int = 0
    settings: str = "default"
    profile: ProfileName = ProfileName.STRICT
    link: LinkKind = LinkKind.VIRTUAL

    @property
    def configuration(self) -> Configuration:
        """The target's configuration."""
        return SETTINGS[self.settings](replace(DEFAULT, profile=self.profile))


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule: `shape` is what it says without numbers, so that the same fault has the same shape."""

    rule: str
    shape: str
    says: str

    @property
    def key(self) -> tuple[str, str]:
        """By what findings are folded."""
        return self.rule, self.shape


@dataclass(frozen=True, slots=True)
class FuzzScript:
    """Moves, where they are played, and the fault that they showed, if they were kept for one."""

    where: Where
    moves: tuple[Move, ...]
    fault: Fault | None = None
    target: str = "reference"

    def to_json(self) -> dict[str, Any]:
        """The script as plain data."""
        where = self.where
        needs = ["psk", *(["configure"] if where.settings != "default" else [])]
        fault = self.fault
        return {
            "format": FORMAT,
            "kind": KIND,
            "target": {"name": self.target, "needs": needs, "settings": where.settings},
            "profile": str(where.profile),
            "link": str(where.link),
            "seed": where.seed,
            "finding": None
            if fault is None
            else {"rule": fault.rule, "shape": fault.shape, "says": fault.says},
            "actions": list(self.moves),
        }

    def write(self, path: Path) -> None:
        """Store it, readable by its owner alone."""
        path.touch(0o600)
        path.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")


def read_script(path: Path) -> FuzzScript:
    """A stored script; NoScript says why a file is none."""
    try:
        if path.stat().st_size > BIGGEST:
            raise NoScript(f"{path}: no script is larger than {BIGGEST} octets; name a kept script")
        stored = json.loads(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise NoScript(f"{path}: can't be read ({why.strerror}); name a kept script") from why
    except (ValueError, RecursionError) as why:
        raise NoScript(f"{path}: this is no JSON; name a kept script (.json)") from why
    try:
        return _script(stored)
    except (ValueError, TypeError, KeyError, AttributeError) as why:
        said = f"{why.args[0]!r} is missing" if isinstance(why, KeyError) else str(why)
        raise NoScript(f"{path}: this is no script that can be played: {said}") from why


def _script(stored: Any) -> FuzzScript:
    if not isinstance(stored, dict) or stored.get("kind") != KIND:
        raise ValueError(f'it does not say "kind": "{KIND}"')
    if stored["format"] != FORMAT:
        raise ValueError(f"its format is {stored['format']!r}, known is {FORMAT}")
    unknown = set(stored) - {"format", "kind", "target", "profile", "link", "seed", "finding", "actions"}
    if unknown:
        raise ValueError(f"{sorted(unknown)[0]!r} is no field of a script")
    settings = stored["target"]["settings"]
    if settings not in SETTINGS:
        raise ValueError(f"no settings are called {settings!r}; they are {', '.join(SETTINGS)}")
    if type(stored["seed"]) is not int or not isinstance(stored["actions"], list):
        raise TypeError("the seed is a number and the actions are a list")
    if len(stored["actions"]) > MOST_MOVES:
        raise ValueError(f"it has more than {MOST_MOVES} actions")
    where = Where(stored["seed"], settings, ProfileName(stored["profile"]), LinkKind(stored["link"]))
    made = []
    for number, each in enumerate(stored["actions"], 1):
        try:
            made.append(moves.checked(each))
        except ValueError as why:
            raise ValueError(f"action {number}: {why}") from None
    return FuzzScript(where, tuple(made), _fault(stored["finding"]), str(stored["target"]["name"]))


def _fault(stored: Any) -> Fault | None:
    if stored is None:
        return None
    fault = Fault(stored["rule"], stored["shape"], stored["says"])
    if not all(isinstance(each, str) for each in (fault.rule, fault.shape, fault.says)):
        raise TypeError("rule, shape and says of the finding are texts")
    return fault
