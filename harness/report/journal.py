"""The journal of a run: one JSON object a line, flushed as it happens; everything else is drawn from it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO, TypeVar

from harness.record import CaseResult, ClaimName, Departure, Finding, Row, RunHeader, Verdict, Weight

NAME = "journal.jsonl"
T = TypeVar("T")


class NoJournal(Exception):
    """The file is missing or is no journal; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its journal tells it; `duration_s` is None if the run was killed."""

    header: RunHeader
    results: tuple[CaseResult, ...]
    duration_s: float | None = None
    interrupted: bool = False

    @property
    def totals(self) -> dict[str, int]:
        """How many cases have which verdict, and how many findings of SHOULD weight failed."""
        counts = {str(verdict): 0 for verdict in Verdict}
        for result in self.results:
            counts[result.verdict] += 1
        return {**counts, "should": sum(result.broken_should for result in self.results)}

    def result(self, case: str) -> CaseResult | None:
        """The last result of that case."""
        return next((result for result in reversed(self.results) if result.id == case), None)


class Journal:
    """Writes the events of one run; each line is on the disk when its method returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("w", encoding="utf-8")

    def begin(self, header: RunHeader) -> None:
        """A run begins."""
        self._write({"event": "run", **asdict(header)})

    def case(self, result: CaseResult) -> None:
        """A case has its verdict."""
        self._write({"event": "case", **result.to_json()})

    def end(self, duration_s: float, *, interrupted: bool) -> None:
        """The run is over."""
        self._write({"event": "end", "duration_s": round(duration_s, 3), "interrupted": interrupted})
        self._file.close()

    def _write(self, event: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(event, ensure_ascii=False) + "\n")
        self._file.flush()


def read(path: Path) -> Run:
    """The run that a journal tells of; its last line may be torn."""
    header: RunHeader | None = None
    results: list[CaseResult] = []
    duration_s, interrupted = None, False
    for event in _events(path):
        match event:
            case {"event": "run"}:
                header = _made(RunHeader, event, notes=tuple(event.get("notes", ())))
            case {"event": "case"}:
                results.append(result_from(event))
            case {"event": "end"}:
                duration_s, interrupted = event["duration_s"], event["interrupted"]
    if header is None:
        raise NoJournal(f"{path}: no journal of a run; name a directory under reports/ that has a {NAME}")
    return Run(header, tuple(results), duration_s, interrupted)


def result_from(event: Mapping[str, Any]) -> CaseResult:
    """A case's result from plain data."""
    return _made(
        CaseResult,
        event,
        verdict=Verdict(event["verdict"]),
        expected=Verdict(event["expected"]),
        requirements=tuple(event["requirements"]),
        findings=tuple(_finding(each) for each in event["findings"]),
        departures=tuple(_made(Departure, each) for each in event.get("departures", ())),
        surprises=tuple(event.get("surprises", ())),
        conversation=tuple(_row(each) for each in event["conversation"]),
    )


def _finding(plain: Mapping[str, Any]) -> Finding:
    return _made(
        Finding,
        plain,
        verdict=Verdict(plain["verdict"]),
        weight=Weight(plain["weight"]),
        claim=ClaimName(plain["claim"]),
        frames=tuple(plain["frames"]),
    )


def _row(plain: Mapping[str, Any]) -> Row:
    return _made(Row, plain, marks=tuple(plain["marks"]), payloads=tuple(plain["payloads"]))


def _made(kind: type[T], plain: Mapping[str, Any], **changed: Any) -> T:
    """An object of `kind` from the keys it knows; later versions may have added others."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every kind here is a dataclass
    return kind(**{name: value for name, value in plain.items() if name in known} | changed)


def _events(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as why:
        raise NoJournal(f"{path}: can't be read ({why.strerror}); name a directory under reports/") from why
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
        except ValueError as why:
            if number == len(lines):
                return
            raise NoJournal(f"{path}:{number}: not a line of JSON; the journal was altered") from why
        yield event
