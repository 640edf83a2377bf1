"""Octets edited as data: an edit can be drawn by chance, stored in a script, and applied to what only then exists."""

from collections.abc import Sequence
from typing import Any

from harness.clock import SeededEntropy

Edit = tuple[str, int, str | int]
"""`(kind, place, what)`: `set` and `put` take hexadecimal octets, `cut` and `double` a count, `end` cuts all that follows."""

EDGES = (0, 1, 2, 3, 4, 5, 7, 8, 33, 46, 53, 127, 128, 254, 255)
"""Octets that mean something to a reader of lengths and types."""
KINDS = ("set", "put", "cut", "double", "end")
PLACES = 1 << 16
MOST = 4
"""How many edits are drawn at a time."""


def drawn(entropy: SeededEntropy, length: int = PLACES) -> list[Edit]:
    """One to four edits of octets of that length; half of them set a single octet."""
    return [_one(entropy, max(1, length)) for _ in range(1 + entropy.below(MOST))]


def _one(entropy: SeededEntropy, length: int) -> Edit:
    place, kind = entropy.below(length), entropy.below(8)
    if kind < 4:
        octet = EDGES[entropy.below(len(EDGES))] if kind < 2 else entropy.below(256)
        return "set", place, bytes([octet]).hex()
    if kind == 4:
        return "cut", place, 1 + entropy.below(8)
    if kind == 5:
        return "put", place, entropy.octets(1 + entropy.below(8)).hex()
    if kind == 6:
        return "double", place, 1 + entropy.below(40)
    return "end", place, 0


def apply(octets: bytes, edits: Sequence[Edit]) -> bytes:
    """`octets` after the edits; a place beyond the end counts on from the start."""
    made = bytearray(octets)
    for kind, place, what in edits:
        at = place % (len(made) or 1)
        if kind == "set":
            said = bytes.fromhex(str(what))
            made[at : at + len(said)] = said
        elif kind == "put":
            made[at:at] = bytes.fromhex(str(what))
        elif kind == "cut":
            del made[at : at + int(what)]
        elif kind == "double":
            made[at:at] = made[at : at + int(what)]
        else:
            del made[at:]
    return bytes(made)


def checked(stored: Any) -> list[Edit]:
    """Edits from plain data; ValueError with a sentence if they are none."""
    if not isinstance(stored, list):
        raise ValueError("edits are a list")
    return [_checked(each) for each in stored]


def _checked(stored: Any) -> Edit:
    match stored:
        case ["set" | "put" as kind, int(place), str(octets)] if place >= 0:
            bytes.fromhex(octets)
            return kind, place, octets
        case ["cut" | "double" | "end" as kind, int(place), int(count)] if place >= 0 and count >= 0:
            return kind, place, count
    raise ValueError(f"{stored!r} is no edit: [KIND, PLACE, WHAT], the kinds {', '.join(KINDS)}")
