"""Reads a Cisco IOS configuration text: lines into sections, refusing what a responder-only device cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.profile.configuration import Configuration
from harness.profile.ios.commands import COMMANDS, OPENERS, UNUSED, Section, Text, longest
from harness.profile.ios.lines import (
    Args,
    ConfigurationError,
    Line,
    Note,
    Refused,
    lines_of,
    looks_like_responder_only,
)
from harness.profile.ios.resolve import resolve
from harness.record import printable

_SILENT = frozenset({"version", "hostname", "end", "exit", "Building", "Current", "configure", "do"})
"""Words that begin lines of a printed configuration that say nothing about a tunnel."""

_WHERE_NOT: Mapping[str, str] = {
    "crypto map": "static crypto maps don't support it",
    "dynamic crypto map": "dynamic crypto maps don't support it",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says, and what was remarked while reading it."""

    configuration: Configuration
    warnings: tuple[Note, ...] = ()
    """Lines that are read otherwise than somebody may think, and defaults taken where a name has no definition."""
    unknown: tuple[Note, ...] = ()
    """Lines that change nothing here."""


def read(text: str, file: str = "<config>", *, profile: str | None = None) -> Reading:
    """The device that `text` describes; ConfigurationError with file, line and reason if it cannot be played.

    `profile` names the IPsec profile meant; otherwise it is the first that protects a tunnel interface, or
    else the first. What the text doesn't say is as in `harness.profile.DEFAULT`; without `responder-only`
    the device is two-way, as IOS is.
    """
    try:
        sections = _sections(text)
        configuration = resolve(sections, profile)
    except Refused as refused:
        raise ConfigurationError(file, refused.line, refused.reason) from None
    return Reading(configuration, tuple(sorted(sections.warnings)), tuple(sections.unknown))


def _sections(text: str) -> Text:
    found = Text()
    current: Section | None = None
    for line in lines_of(text):
        current = _take(found, current, line)
    return found


def _take(text: Text, current: Section | None, line: Line) -> Section | None:
    """Read one line in the mode that stands open; gives the mode that stands open after it."""
    if line.extra:
        text.extras.append(line)
        return current
    if _says_responder_only(current, line):
        return current
    if current and not _opens_a_map(line) and (known := longest(COMMANDS.get(current.kind, {}), line)):
        COMMANDS[current.kind][known](current, Args(line, line.words[len(known) :], text.warnings))
        return current
    if opener := longest(OPENERS, line):
        return _open(text, opener, line)
    if known := longest(COMMANDS["global"], line):
        COMMANDS["global"][known](text.top, Args(line, line.words[len(known) :], text.warnings))
        return None
    return _not_read(text, current, line)


def _opens_a_map(line: Line) -> bool:
    """`crypto map NAME SEQUENCE …` is global; `crypto map NAME` puts a map on an interface."""
    return line.words[:2] == ("crypto", "map") and len(line.words) > 3


def _says_responder_only(current: Section | None, line: Line) -> bool:
    """Note `responder-only` where it belongs; refuse it anywhere else, and anything that may be meant for it."""
    negated = line.words[0] == "no" and len(line.words) > 1
    words = line.words[1:] if negated else line.words
    if words[0] != "responder-only" and not (_could_hold_it(current) and looks_like_responder_only(words[0])):
        return False
    if words[0] != "responder-only":
        line.refuse(
            f"`{printable(words[0])}` is no command; write `responder-only` in full and in small letters"
        )
    if current is None or current.kind != "ipsec-profile":
        place = _WHERE_NOT.get(current.kind if current else "", "it stands nowhere else")
        line.refuse(f"`responder-only` is configured under `crypto ipsec profile`; {place}")
    if len(words) > 1:
        line.refuse("`responder-only` stands alone on its line")
    current.say("responder-only", not negated, line)
    return True


def _could_hold_it(current: Section | None) -> bool:
    return current is None or current.kind in ("ipsec-profile", *_WHERE_NOT)


def _open(text: Text, opener: tuple[str, ...], line: Line) -> Section | None:
    kind = OPENERS[opener]
    rest = line.words[len(opener) :]
    if not rest:
        line.refuse(f"`{' '.join(opener)}` is followed by a name")
    name = " ".join(rest) if kind in ("interface", *_WHERE_NOT) else rest[0]
    section = text.sections.setdefault((kind, name), Section(kind, name, line.number))
    if kind == "transform-set":
        section.say("transforms", rest[1:], line)
    if kind == "interface":
        section.said["tunnel"] = (rest[0].lower().startswith(("tunnel", "virtual-template")), line.number)
    if kind in _WHERE_NOT:
        section.said["words"] = (rest, line.number)
    return section


def _not_read(text: Text, current: Section | None, line: Line) -> Section | None:
    if line.words[0] in _SILENT:
        return None
    inside = current if current and (line.indented or line.words[0] in ("set", "no", "match")) else None
    if inside and inside.kind == "ipsec-profile" and not longest(UNUSED["ipsec-profile"], line):
        # A misread line here could turn a responder-only device into a two-way one.
        line.refuse(f"`{printable(' '.join(line.words[:2]))}` is no command of an IPsec profile")
    text.unknown.append(Note(line.number, f"{_begin(line)} is not read"))
    return inside


def _begin(line: Line) -> str:
    """The first word, or two after `crypto`: what follows may be a secret."""
    words = line.words[: 2 if line.words[0] == "crypto" else 1]
    plain = all(word.isascii() and word.replace("-", "").isalnum() and word[0].isalpha() for word in words)
    return f"`{' '.join(words)} …`" if plain else "the line"
