"""What is known of how a target departs from the requirements: data with a reason, read, held against results, written."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from harness.files import text_of
from harness.record import CaseResult, Departure, Finding, Verdict

SHIPPED = Path(__file__).parent / "expectations"
"""A file for each target that is known to depart from something, `NAME.toml`."""
TABLE = "departure"
_WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE)
_MAY_LACK = frozenset({"requirement", "versions"})
_DOTTED = re.compile(r"\d+(?:\.\d+)*")


class Unreasoned(ValueError):
    """A file of expectations that can't be relied on: the file, the line, and what is wrong with it."""


def known(target: str, file: Path | None = None) -> tuple[Departure, ...]:
    """The departures of a target: from `file`, or from what is shipped under its name; none if nothing is."""
    path = file or SHIPPED / f"{target}.toml"
    return _read(path) if file is not None or path.is_file() else ()


@cache
def _read(path: Path) -> tuple[Departure, ...]:
    try:
        text = text_of(path)
        table = tomllib.loads(text)
    except OSError as why:
        raise Unreasoned(f"{path}: can't be read ({why.strerror})") from why
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise Unreasoned(f"{path}: no TOML: {why}") from why
    entries = table.pop(TABLE, [])
    if table or not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise Unreasoned(f"{path}: it has other things than [[{TABLE}]] tables")
    return tuple(_Entry(path, text, number, each).departure() for number, each in enumerate(entries))


class _Entry:
    """One table of a file, which knows the lines it stands on."""

    def __init__(self, path: Path, text: str, number: int, content: dict[str, Any]) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._number = number
        self._content = content

    def departure(self) -> Departure:
        """What it says, if it says all that it must."""
        names = [field.name for field in fields(Departure)]
        for name in self._content:
            if name not in names:
                raise self._wrong(name, f"unknown; a departure has {', '.join(names)}")
        for name in names:
            if name not in _MAY_LACK and not str(self._content.get(name, "")).strip():
                raise self._wrong(name, "fill it in: nothing is expected without it")
        made = Departure(**{name: str(value) for name, value in self._content.items()})
        if made.verdict not in _WORST_FIRST:
            raise self._wrong("verdict", "one of FAIL, INCONCLUSIVE follows")
        try:
            date.fromisoformat(made.date)
        except ValueError:
            raise self._wrong("date", "a day follows, such as 2026-01-31") from None
        try:
            SpecifierSet(made.versions)
        except InvalidSpecifier:
            raise self._wrong("versions", 'a range follows, such as ">= 5.9, < 6"') from None
        return made

    def _wrong(self, name: str, why: str) -> Unreasoned:
        return Unreasoned(f"{self._path}:{self._line_of(name)}: {name}: {why}")

    def _line_of(self, name: str) -> int:
        """Where the key stands, or the head of the table if it lacks it."""
        heads = [number for number, line in enumerate(self._lines, 1) if line.strip() == f"[[{TABLE}]]"]
        head, *_ = heads[self._number :] or [1]
        end = next((each for each in heads if each > head), len(self._lines) + 1)
        key = re.compile(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=")
        return next((n for n in range(head, end) if key.match(self._lines[n - 1])), head)


def in_force(departures: Iterable[Departure], version: str) -> tuple[Departure, ...]:
    """Those that speak of this version; one that names a range does not speak of a version that nobody knows."""
    dotted = _DOTTED.search(version)
    return tuple(
        each
        for each in departures
        if not each.versions or (dotted and SpecifierSet(each.versions).contains(dotted[0]))
    )


def settled(result: CaseResult, departures: Iterable[Departure], *, strict: bool = False) -> CaseResult:
    """The result with what was expected of its case, and with what about it was not."""
    about = tuple(each for each in departures if each.case == result.id)
    if not about:
        return result
    expected = next(each for each in _WORST_FIRST if each in {one.verdict for one in about})
    surprises = tuple(
        dict.fromkeys(
            finding.name
            for finding in _deciding(result, strict)
            if not any(_foreseen(finding, each) for each in about)
        )
    )
    return replace(result, expected=expected, departures=about, surprises=surprises)


def _deciding(result: CaseResult, strict: bool) -> Iterator[Finding]:
    """The findings by which a result is no PASS."""
    if result.verdict in _WORST_FIRST:
        yield from (each for each in result.findings if each.weighed(strict) is result.verdict)


def _foreseen(finding: Finding, departure: Departure) -> bool:
    return (finding.rule, finding.verdict) == (
        departure.rule,
        departure.verdict,
    ) and departure.requirement in (
        "",
        finding.requirement,
    )


def written(results: Iterable[CaseResult], version: str, today: str, *, strict: bool = False) -> str:
    """What was found, as a file of expectations; who knows the reasons fills them in, those known before are kept."""
    dotted = _DOTTED.search(version)
    versions = f"== {dotted[0]}" if dotted else ""
    tables = [_table(each) for result in results for each in _found(result, versions, today, strict)]
    return "\n".join(tables)


def _found(result: CaseResult, versions: str, today: str, strict: bool) -> Sequence[Departure]:
    found: dict[tuple[str, str], Departure] = {}
    for finding in _deciding(result, strict):
        before = next((each for each in result.departures if _foreseen(finding, each)), None)
        fresh = Departure(result.id, finding.rule, finding.verdict, "", today, finding.requirement, versions)
        found.setdefault((finding.rule, finding.requirement), before or fresh)
    return tuple(found.values())


def _table(departure: Departure) -> str:
    lines = [
        f"{field.name} = {json.dumps(str(getattr(departure, field.name)), ensure_ascii=False)}"
        for field in fields(Departure)
        if field.name not in _MAY_LACK or getattr(departure, field.name)
    ]
    return "\n".join((f"[[{TABLE}]]", *lines, ""))
