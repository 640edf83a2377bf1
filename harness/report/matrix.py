"""Runs side by side, a row for each case: of several devices at a time, or of one device at two times."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from harness.record import CaseResult, Verdict
from harness.report.journal import Run
from harness.report.summary import FORMAT, unexpected

FILE = "matrix.json"


class Answer(NamedTuple):
    """What a case came to: its verdict, and the rules that decided where it is no PASS."""

    verdict: Verdict
    rules: tuple[str, ...]

    def __str__(self) -> str:
        return self.verdict + (f": {', '.join(self.rules)}" if self.rules else "")


@dataclass(frozen=True, slots=True)
class Line:
    """One case in each of the runs; None where it was not played."""

    case: str
    results: tuple[CaseResult | None, ...]

    @property
    def answers(self) -> tuple[Answer | None, ...]:
        """What it came to in each."""
        return tuple(None if each is None else answer(each) for each in self.results)

    @property
    def differs(self) -> bool:
        """Whether two of them answer differently; what is not applicable is no answer."""
        return len({each for each in self.answers if each and each.verdict is not Verdict.NOT_APPLICABLE}) > 1


def answer(result: CaseResult) -> Answer:
    """What a result says, without the words that change from play to play."""
    deciding = {each.name for each in result.findings if each.weighed(strict=True) is result.verdict}
    return Answer(result.verdict, () if result.verdict is Verdict.PASS else tuple(sorted(deciding)))


@dataclass(frozen=True)
class Matrix:
    """Runs under names, and their cases."""

    names: tuple[str, ...]
    runs: tuple[Run, ...]

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Every case, by the sections of its id."""
        found = [{each.id: each for each in run.results} for run in self.runs]
        cases = sorted({case for each in found for case in each}, key=in_order)
        return tuple(Line(case, tuple(each.get(case) for each in found)) for case in cases)

    @property
    def differing(self) -> tuple[Line, ...]:
        """The cases that not all answer alike."""
        return tuple(line for line in self.lines if line.differs)

    @property
    def new_failures(self) -> tuple[Line, ...]:
        """Where the last run fails unexpectedly, and the first one did not fail so."""
        return tuple(line for line in self.lines if _fails_anew(line.results[0], line.results[-1]))

    def to_json(self) -> dict[str, Any]:
        """The content of matrix.json, and of `compare --json`."""
        return {
            "format": FORMAT,
            "runs": [
                {
                    "name": name,
                    "run": run.header.run,
                    "target": run.header.target,
                    "profile": run.header.profile,
                    "configured_as": run.header.configured_as,
                    "link": run.header.link,
                    "totals": run.totals,
                }
                for name, run in zip(self.names, self.runs, strict=True)
            ],
            "cases": [self._plain(line) for line in self.lines],
            "differing": [line.case for line in self.differing],
            "new_failures": [line.case for line in self.new_failures],
        }

    def _plain(self, line: Line) -> dict[str, Any]:
        answers = {
            name: None if each is None else {"verdict": each.verdict, "rules": list(each.rules)}
            for name, each in zip(self.names, line.answers, strict=True)
        }
        return {"id": line.case, "answers": answers}


def _fails_anew(before: CaseResult | None, after: CaseResult | None) -> bool:
    if after is None or after.verdict is not Verdict.FAIL or not unexpected(after):
        return False
    return before is None or answer(before) != answer(after)


def write_matrix(matrix: Matrix, path: Path) -> None:
    """Write matrix.json."""
    path.write_text(json.dumps(matrix.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def in_order(case: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which sections are sorted as numbers: 1.2 before 1.10."""
    parts = case.replace("/", "\0").replace(".", "\0").split("\0")
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def table(matrix: Matrix) -> Iterator[str]:
    """The verdicts, a column for each run; a case that is told apart has a mark."""
    width = max((len(line.case) for line in matrix.lines), default=0)
    columns = [max(len(name), len(Verdict.NOT_APPLICABLE)) for name in matrix.names]
    yield _row("", matrix.names, width, columns)
    for line in matrix.lines:
        verdicts = ["not played" if each is None else each.verdict for each in line.results]
        yield _row(line.case, verdicts, width, columns) + ("  <>" if line.differs else "")


def _row(head: str, cells: Sequence[str], width: int, columns: Sequence[int]) -> str:
    padded = (f"{cell:<{column}}" for cell, column in zip(cells, columns, strict=True))
    return "  ".join((f"{head:<{width}}", *padded)).rstrip()


def told(lines: Sequence[Line], names: Sequence[str]) -> Iterator[str]:
    """A block for each case: who answers what, those who answer alike together."""
    for line in lines:
        yield line.case
        alike: dict[str, list[str]] = {}
        for name, each in zip(names, line.answers, strict=True):
            alike.setdefault("not played" if each is None else str(each), []).append(name)
        yield from (f"      {', '.join(who)}: {what}" for what, who in alike.items())
