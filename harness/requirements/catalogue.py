"""Reads the registry files that lie beside it; a requirement is known by its id, and ids never move."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
ROLES = ("responder", "initiator", "both", "exchange-responder", "exchange-initiator")
TESTABLE = ("wire", "peer", "internal", "config", "no")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One normative statement: where it stands, whom it binds, how it can be seen."""

    id: str
    level: str
    """One of LEVELS."""
    role: str
    """One of ROLES: whom it binds."""
    statement: str
    """The conforming behaviour, in own words."""
    testable: str
    """One of TESTABLE: what it takes to see it."""
    section: str
    """The section of the source, a number or a heading."""
    source: str
    """The document, as a person would cite it."""
    check: str = ""
    """Stimulus and expected observation."""
    applies: bool = True
    """Whether it bears on a responder at all."""
    keyword: bool = True
    """False where the source says it without a word of RFC 2119."""
    responder_only: str = ""
    """What it means on a device that must not initiate."""
    same_as: str = ""
    """The id of the entry that says the same; one failure counts once."""
    by_analogy: bool = False
    """Read into a version of IKE that the source does not name: a verdict that rests on it says so."""
    extension: bool = False
    """Binds only a device that announced the extension or was configured for it."""


@cache
def load() -> Mapping[str, Requirement]:
    """Every requirement of every registry file, by id."""
    found: dict[str, Requirement] = {}
    for requirement in _read_all():
        if requirement.id in found:
            raise ValueError(f"{requirement.id} stands twice in the registry")
        found[requirement.id] = requirement
    return MappingProxyType(found)


def get(requirement_id: str) -> Requirement:
    """The requirement of that id; KeyError with one sentence if the registry has none."""
    try:
        return load()[requirement_id]
    except KeyError:
        raise KeyError(f"the registry has no requirement {requirement_id!r}") from None


def _read_all() -> Iterator[Requirement]:
    for file in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            document = tomllib.loads(file.read_text(encoding="utf-8"))
            yield from (_requirement(entry, document["meta"]) for entry in document["requirement"])


def _requirement(entry: Mapping[str, Any], meta: Mapping[str, Any]) -> Requirement:
    return Requirement(
        **{"section": _section_of(entry["id"]), **entry},
        source=meta["source"],
        extension=meta.get("extension", False),
    )


def _section_of(requirement_id: str) -> str:
    """`RFC7296-2.5-12` stands in section 2.5."""
    return requirement_id.split("-", 1)[1].rpartition("-")[0]
