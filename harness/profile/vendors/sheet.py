"""What is told about a device: lines for it, and remarks about what those lines can't say."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import TypeVar

from harness.profile.configuration import Configuration, Lifetimes

T = TypeVar("T")


class Unsayable(ValueError):
    """A tunnel that a vendor's device can't be told of at all."""


def _same(wanted: Configuration) -> Configuration:
    return wanted


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about what the lines don't say, or say otherwise than was wanted."""

    text: str
    instead: Callable[[Configuration], Configuration] = _same
    """What the device becomes instead of what was wanted."""


Telling = Generator[str | Remark, None, T]
"""Lines and remarks in the order in which they come up, and a value at the end."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The text for a device, with its remarks in its head, and what the device is with it."""

    text: str
    remarks: tuple[str, ...]
    made: Configuration


def heard(telling: Telling[T]) -> tuple[list[str], list[Remark], T]:
    """The lines of it, the remarks, and the value at its end."""
    lines: list[str] = []
    remarks: list[Remark] = []
    while True:
        try:
            each = next(telling)
        except StopIteration as end:
            return lines, remarks, end.value
        if isinstance(each, Remark):
            remarks.append(each)
        else:
            lines.append(each)


# --- lifetimes --------------------------------------------------------------------------------------------

_ENDS = {
    "ike_hard": "an IKE SA ends by seconds",
    "child_hard": "a child ends by seconds",
    "child_kilobytes": "a child ends by kilobytes",
}


def within(lifetimes: Lifetimes, field: str, low: int, high: int) -> Telling[int]:
    """A limit as a whole number in the bounds of a device, its longest where none is wanted."""
    wanted = getattr(lifetimes, field)
    kept = high if wanted is None else bounded(wanted, low, high)
    if kept != wanted:
        yield otherwise(field, kept, f"{_ENDS[field]}: {kept} instead of {wanted or 'none'}")
    return kept


def volume_within(lifetimes: Lifetimes, low: int, high: int) -> Telling[int | None]:
    """The limit of volume in kilobytes in the bounds of a device; none where none is wanted."""
    if lifetimes.child_kilobytes is None:
        return None
    return (yield from within(lifetimes, "child_kilobytes", low, high))


def no_volume(lifetimes: Lifetimes) -> Telling[None]:
    """Of a device that ends no child by volume."""
    if lifetimes.child_kilobytes is not None:
        yield otherwise("child_kilobytes", None, "a child has no limit of volume")


def otherwise(field: str, value: float | None, text: str) -> Remark:
    """The remark that a lifetime is another one."""
    return Remark(text, partial(_ending if field.endswith("_hard") else _limited, field, value))


def _limited(field: str, value: float | None, wanted: Configuration) -> Configuration:
    return wanted.with_lifetimes(**{field: value})


def _ending(field: str, hard: float | None, wanted: Configuration) -> Configuration:
    """A renewal stays when it was, unless the end has moved before it."""
    if hard is None:
        return _limited(field, None, wanted)
    soft = field.replace("hard", "soft")
    renewed = getattr(wanted.lifetimes, soft)
    kept = {soft: renewed} if renewed is None or renewed < hard else {}
    return wanted.with_lifetimes(**{field: float(hard), **kept})


def bounded(number: float, low: int, high: int) -> int:
    """The next whole number, within bounds."""
    return min(max(ceil(number), low), high)
