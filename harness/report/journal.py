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
    """A run as its journal tells it; `duration_s` is None if the run was killed.

    Where cases were repeated, `results` has the worst of each and `plays` all of them.
    """

    header: RunHeader
    results: tuple[CaseResult, ...]
    duration_s: float | None = None
    interrupted: bool = False
    plays: tuple[CaseResult, ...] = ()

    @property
    def totals(self) -> dict[str, int]:
        """How many cases have which verdict, and how many findings of SHOULD weight failed."""
        counts = {str(verdict): 0 for verdict in Verdict}
        for result in self.results:
            counts[result.verdict] += 1
        return {**counts, "should": sum(result.broken_should for result in self.results)}

    @property
    def every(self) -> tuple[CaseResult, ...]:
        """Each result, those of repetitions too."""
        return self.plays or self.results

    def rounds(self, case: str) -> tuple[CaseResult, ...]:
        """Each play of that case, in the order of the repetitions."""
        return tuple(sorted((each for each in self.every if each.id == case), key=lambda each: each.round))

    @property
    def unstable(self) -> dict[str, tuple[CaseResult, ...]]:
        """The cases whose verdicts differed from one repetition to another."""
        played = {result.id: self.rounds(result.id) for result in self.results} if self.plays else {}
        return {case: rounds for case, rounds in played.items() if len({each.verdict for each in rounds}) > 1}

    def result(self, case: str) -> CaseResult | None:
        """The last result of that case."""
        return next((result for result in reversed(self.results) if result.id == case), None)


class Journal:
    """Writes the events of one run; each line is on the disk when its method returns."""

    def __init__(self, path: Path, *, goes_on: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a" if goes_on else "w", encoding="utf-8")

    def go_on(self, started: str) -> None:
        """A run that was cut off is played on."""
        self._write({"event": "resumed", "started": started})

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
    duration_s, ended, interrupted = 0.0, False, False
    for event in _events(path):
        match event:
            case {"event": "run"}:
                header = _made(RunHeader, event, notes=tuple(event.get("notes", ())))
            case {"event": "case"}:
                results.append(result_from(event))
            case {"event": "resumed"}:
                ended, interrupted = False, False
            case {"event": "end"}:
                duration_s += event["duration_s"]
                ended, interrupted = True, event["interrupted"]
    if header is None:
        raise NoJournal(f"{path}: no journal of a run; name a directory under reports/ that has a {NAME}")
    folded, plays = _folded(results)
    return Run(header, folded, duration_s if ended else None, interrupted, plays)


_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_APPLICABLE)


def _folded(results: list[CaseResult]) -> tuple[tuple[CaseResult, ...], tuple[CaseResult, ...]]:
    """The worst result of each case, and all results if there are more; the first of those that are equally bad."""
    worst: dict[str, CaseResult] = {}
    for result in sorted(results, key=lambda each: each.round):
        before = worst.setdefault(result.id, result)
        if _WORST_FIRST.index(result.verdict) < _WORST_FIRST.index(before.verdict):
            worst[result.id] = result
    plays = tuple(results) if any(each.round > 1 for each in results) else ()
    ordered = dict.fromkeys(each.id for each in results)
    return tuple(worst[case] for case in ordered), plays


def first_line(path: Path) -> dict[str, Any]:
    """The header of a journal as it stands there, without reading on; nothing if it is none."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        first = lines.readline()
    try:
        header = json.loads(first)
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def mend(path: Path) -> None:
    """Take away a last line that is torn, so that the journal can be gone on with."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)


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
