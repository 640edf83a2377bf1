"""What a reader finds on its way, beside the frames: bounded, whatever the file says."""

import json
from typing import Any

from harness.record import printable

_KINDS = 100
"""How many kinds of problem, or of foreign protocol, are told apart."""


class Tally:
    """Counts by name; names beyond the first hundred are counted together."""

    def __init__(self, beyond: str) -> None:
        self.counts: dict[str, int] = {}
        self._beyond = beyond

    def add(self, name: str, times: int = 1) -> None:
        """Count `name` once more."""
        if name not in self.counts and len(self.counts) >= _KINDS:
            name = self._beyond
        self.counts[name] = self.counts.get(name, 0) + times


class Notes:
    """Everything a capture says that is not a frame."""

    def __init__(self) -> None:
        self.sections = 0
        self.opening: dict[str, Any] | None = None
        self.closing: dict[str, Any] | None = None
        self.secrets: list[dict[str, Any]] = []
        self.interfaces: list[str] = []
        self._drops: dict[tuple[int, int], int] = {}
        self.cut_off = False
        self.others = Tally("others")
        self._problems = Tally("further problems")

    @property
    def drops(self) -> int | None:
        """The sum of all drop counters; None: there is none."""
        return sum(self._drops.values()) if self._drops else None

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each kind of problem, with how often it was met."""
        found = [_counted(text, times) for text, times in self._problems.counts.items()]
        left_out = [f"{name} is not read ({_frames(times)})" for name, times in self.others.counts.items()]
        return (*found, *left_out)

    def count_drops(self, interface: int, drops: int) -> None:
        """What an interface of the current section lost so far; a later number takes the place of an earlier one."""
        self._drops[self.sections, interface] = drops

    def problem(self, text: str, times: int = 1) -> None:
        """Keep a problem, or count it again."""
        self._problems.add(printable(text), times)

    def cut(self, text: str) -> None:
        """Reading ends here, before the file's proper end."""
        self.cut_off = True
        self.problem(text)


def _counted(text: str, times: int) -> str:
    return text if times == 1 else f"{text} ({times} times)"


def _frames(times: int) -> str:
    return "1 frame" if times == 1 else f"{times} frames"


def json_object(octets: bytes) -> dict[str, Any] | None:
    """The JSON object that `octets` are; None: they are none."""
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):  # hostile nesting is no object of ours
        return None
    return value if isinstance(value, dict) else None
