"""What of a configuration a printer of another device's files leaves out."""

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

from harness.profile.configuration import DEFAULT, Configuration


def unsaid(configuration: Configuration, said: Collection[str]) -> tuple[str, ...]:
    """The settings that are not as by default, and that are not among those `said`: `lifetimes.idle`, `pool` …

    A name in `said` stands for all that is below it.
    """
    return tuple(_differing(configuration, DEFAULT, said, ""))


def _differing(value: Any, default: Any, said: Collection[str], above: str) -> Iterator[str]:
    for field in dataclasses.fields(value):
        name, inner, usual = f"{above}{field.name}", getattr(value, field.name), getattr(default, field.name)
        if inner == usual or name in said:
            continue
        if dataclasses.is_dataclass(inner) and type(inner) is type(usual):
            yield from _differing(inner, usual, said, f"{name}.")
        else:
            yield name
