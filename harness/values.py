"""Values: what is never altered once it is made; what becomes of a thing is another value.

The type checker holds everybody to that. At run time nothing watches over it, for a watched class takes seven times
as long to be made, and a handshake makes a hundred of them.
"""

import dataclasses
import gc
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, dataclass_transform

V = TypeVar("V")
COLLECTED_AFTER = 10_000, 20, 50
"""Objects more than before until the youngest generation is looked at, and how often that until the older ones are."""


def collect_seldom() -> None:
    """Look less often for garbage in cycles: values are replaced, never altered, so nearly all of it is in none.

    What exists by now stays, and is not looked at any more.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value(kind: type[V]) -> type[V]:
    """A class of values: a dataclass with slots, compared and hashed by its fields."""
    return dataclasses.dataclass(slots=True, unsafe_hash=True)(kind)


def replace(one: V, **changes: Any) -> V:
    """A copy with these fields changed, as `dataclasses.replace` makes it.

    Slots are copied one by one and no constructor runs: an SA has so many of them that this is many times as fast.
    TypeError for a field that is not there.
    """
    made: V = _copier(one.__class__)(one, changes)  # type: ignore[arg-type]  # a class is hashable
    return made


@cache
def _copier(kind: type[Any]) -> Callable[[Any, Mapping[str, Any]], Any]:
    """A function made for one class, that copies a value of it with some fields changed."""
    fields = dataclasses.fields(kind)
    watched = "__setattr__" in kind.__dict__
    if "__slots__" not in kind.__dict__ or watched or not all(field.init for field in fields):
        return lambda one, changes: dataclasses.replace(one, **changes)
    names = [field.name for field in fields]
    lines = [
        "def copy(one, changes):",
        "    made = new(kind)",
        *(f"    made.{name} = one.{name}" for name in names),
        "    for name in changes:",
        "        if name not in names:",
        "            raise TypeError(f'{kind.__name__} has no field {name!r}')",
        "        setattr(made, name, changes[name])",
        "    return made",
    ]
    known: dict[str, Any] = {"new": object.__new__, "kind": kind, "names": frozenset(names)}
    exec("\n".join(lines), known)  # noqa: S102  # nothing in the text comes from outside
    return known["copy"]  # type: ignore[no-any-return]  # the text says so
