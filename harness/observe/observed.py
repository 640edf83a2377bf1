"""A value with the frames that show it, or its absence with the reason and whether absence can be relied upon."""

from collections.abc import Callable, Iterator, Sized
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
U = TypeVar("U")
_SENSIBLE = 1e18
"""Beyond this no number of seconds means anything."""


class Doubt(StrEnum):
    """Why an absence may not be one."""

    NO_KEYS = "no keys"
    """The message is sealed and nobody gave its keys."""
    DOES_NOT_OPEN = "does not open"
    """The message is sealed, its SA's keys are known and they do not fit."""
    NOT_CAPTURED = "not captured"
    """The capture has a known gap, so silence proves nothing."""
    NOT_ASKED = "not asked"
    """What it would answer never reached the target, so silence proves nothing."""


class Readable(Protocol):
    """What `find` looks into: a message with its payloads."""

    @property
    def payloads(self) -> tuple[Any, ...]:
        """The payloads in order, the opened ones in place of their envelope."""
        ...


class Observed(Generic[T]):
    """What the evidence shows of one thing.

    Attributes that are not its own are those of the value, each an `Observed` again; an absent one stays
    absent, with the same reason, however deep a judge asks.
    """

    __slots__ = ("doubt", "frames", "value", "why")

    def __init__(
        self, value: T | None, frames: tuple[int, ...] = (), why: str = "", doubt: Doubt | None = None
    ) -> None:
        self.value = value
        self.frames = frames
        self.why = why
        self.doubt = doubt

    @property
    def present(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def field(self, name: str) -> "Observed[Any]":
        """The field of that name: for the few that are called as an attribute of `Observed` itself."""
        return self.then(lambda value: getattr(value, name))

    def then(self, read: Callable[[T], U | None], why: str = "") -> "Observed[U]":
        """What `read` makes of the value; None is absence, for the reason `why`."""
        if self.value is None:
            return Observed(None, self.frames, self.why, self.doubt)
        return Observed(read(self.value), self.frames, why or self.why)

    def find(self, kind: type[U], notify_type: int | None = None) -> "Observed[U]":
        """The first payload of that class (and, for a Notify, of that type) in the message."""
        found = self.all(kind, notify_type)
        return Observed(found.value[0] if found.value else None, found.frames, found.why, found.doubt)

    def all(self, kind: type[U], notify_type: int | None = None) -> "Observed[tuple[U, ...]]":
        """Every payload of that class, and of that Notify type where one is given."""
        if self.value is None:
            return Observed(None, self.frames, self.why, self.doubt)
        found = tuple(_matching(self.value, kind, notify_type))
        if found:
            return Observed(found, self.frames)
        doubt = getattr(self.value, "doubt", None)
        if doubt is not None:
            return Observed(None, self.frames, str(getattr(self.value, "why", "")), doubt)
        wanted = kind.__name__ if notify_type is None else f"{kind.__name__} of type {_name(notify_type)}"
        return Observed(None, self.frames, f"it carries no {wanted}")

    def among(self, kind: type[U], notify_type: int | None = None) -> "Observed[U]":
        """The first payload of that class, and of that Notify type, in any of several messages."""
        if self.value is None:
            return Observed(None, self.frames, self.why, self.doubt)
        found = [Observed(each, each.frames).find(kind, notify_type) for each in self.value]  # type: ignore[attr-defined]  # asked of messages alone
        known = next((each for each in found if each.present), None)
        doubtful = next((each for each in found if each.doubt is not None), found[-1])
        return known or Observed(None, self.frames, doubtful.why, doubtful.doubt)

    def __getattr__(self, name: str) -> "Observed[Any]":
        if name.startswith("__"):
            raise AttributeError(name)
        return self.field(name)

    def __getitem__(self, index: int) -> "Observed[Any]":
        return self.then(
            lambda value: value[index] if -len(self) <= index < len(self) else None,  # type: ignore[index]  # asked of sequences alone
            f"it has fewer than {index + 1 if index >= 0 else -index} of them",
        )

    def __iter__(self) -> "Iterator[Observed[Any]]":
        return (self[index] for index in range(len(self)))

    def __len__(self) -> int:
        if self.value is None:
            return 0
        return len(self.value) if isinstance(self.value, Sized) else 1

    def __bool__(self) -> bool:
        return self.present

    def __repr__(self) -> str:
        told = repr(self.value) if self.present else f"absent: {self.why}"
        return f"Observed({told}, frames={self.frames})"


def _matching(value: Any, kind: type[U], notify_type: int | None) -> Iterator[U]:
    for payload in value.payloads:
        if isinstance(payload, kind) and notify_type in (None, getattr(payload, "notify_type", None)):
            yield payload


def _name(code: int) -> str:
    name = getattr(code, "name", None)
    return str(code) if name is None or name == str(int(code)) else f"{name} ({int(code)})"


def number(stated: object) -> float | None:
    """A number as evidence states it; None for what is none, or is beyond all sense."""
    if not isinstance(stated, int | float) or not -_SENSIBLE < stated < _SENSIBLE:
        return None
    return float(stated)
