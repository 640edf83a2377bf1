"""A result in lines of text, the same for the console, pytest and JUnit; nothing in them can move a cursor."""

import shlex
from collections.abc import Iterable, Iterator, Sequence

from harness.record import CaseResult, Finding, Row, Verdict, Weight, printable
from harness.requirements import load

MOST_ROWS = 24
"""A conversation longer than this is cut to the frames that findings or marks name, and their neighbours."""
WIDTH = 88
NAMES = len("target")
JUDGES = frozenset({"that", "given"})
"""Findings of a case's own judge: their requirement says more than the rule's name."""


def headline(result: CaseResult) -> str:
    """The verdict, the id and the level."""
    return f"{result.verdict:<5} {result.id}".ljust(WIDTH - len(result.level)) + " " + result.level


def block(result: CaseResult) -> list[str]:
    """What a reader needs of a case that did not pass: what happened, what is wrong, how to see it again."""
    lines = [headline(result), *_indented(_story(result))]
    lines += [f"      again   {result.again}"]
    if result.capture:
        lines += [f"      judge   ike-harness judge {shlex.quote(result.capture)}"]
    return [printable(line) for line in lines]


def frames(numbers: Sequence[int]) -> str:
    """`frame 3`, `frames 3, 4`, or nothing."""
    if not numbers:
        return ""
    return f"frame{'s' if len(numbers) > 1 else ''} {', '.join(str(number) for number in numbers)}"


def told_finding(finding: Finding) -> str:
    """A finding as a sentence with its frames and its rule."""
    where = "" if "frame" in finding.says else frames(finding.frames)
    rule = "" if finding.rule in JUDGES else finding.rule
    name = " ".join(filter(None, (rule, finding.requirement)))
    if rests_on_analogy(finding):
        name += ", by analogy"
    return f"{finding.says}{f' ({where})' if where else ''}{f'  [{name}]' if name else ''}"


def rests_on_analogy(finding: Finding) -> bool:
    """Whether its requirement is read into a version of IKE that the source does not name."""
    requirement = load().get(finding.requirement)
    return requirement is not None and requirement.by_analogy


def told_seconds(seconds: float) -> str:
    """A time as a person says it: `12 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = max(1, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def told_row(row: Row, width: int = NAMES) -> str:
    """A message of the conversation: frame, who, which way, what, marks; names take `width` columns."""
    arrow = "<-" if row.from_target else "->"
    line = f"{row.frame:>3}  {row.sender:<{width}} {arrow} {row.line}"
    return f"{line:<{WIDTH - 12}} {' '.join(row.marks)}".rstrip()


def names_width(rows: Iterable[Row]) -> int:
    """The columns that the names in a conversation take."""
    return max((len(row.sender) for row in rows), default=NAMES)


def of_interest(result: CaseResult) -> Iterator[Row | None]:
    """The rows to show; None stands for rows left out."""
    rows = result.conversation
    if len(rows) <= MOST_ROWS:
        yield from rows
        return
    named = {number for finding in result.findings if matters(finding) for number in finding.frames}
    near = {number + step for number in named for step in (-1, 0, 1)}
    left_out = False
    for row in rows:
        shown = row.frame in near or bool(row.marks)
        if shown:
            yield row
        elif not left_out:
            yield None
        left_out = not shown


def _story(result: CaseResult) -> Iterator[str]:
    yield result.title
    if result.why:
        yield result.why
    width = names_width(result.conversation)
    yield from ("  …" if row is None else told_row(row, width) for row in of_interest(result))
    yield from (
        f"{finding.verdict}: {told_finding(finding)}" for finding in result.findings if matters(finding)
    )
    yield from told_expectation(result)
    if result.verdict is Verdict.ERROR and result.traceback:
        yield result.traceback.strip().rpartition("\n")[2]


def told_expectation(result: CaseResult) -> Iterator[str]:
    """What was expected of a case other than a PASS, why, and what about its verdict was not."""
    for each in result.departures:
        of = " ".join(filter(None, (each.rule, each.requirement)))
        yield f"expected {each.verdict} of {of} since {each.date}: {each.reason}"
    if result.surprises:
        yield f"not expected: {', '.join(result.surprises)}"
    elif result.departures and not result.as_expected:
        yield f"came out {result.verdict}: what is known of the target is out of date"
    elif result.verdict is not result.expected is not Verdict.PASS:
        yield f"expected {result.expected}"


def matters(finding: Finding) -> bool:
    """Whether a finding is part of why a case did not pass."""
    return finding.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE) and finding.weight is not Weight.NOTE


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"      {line}" for line in lines]
