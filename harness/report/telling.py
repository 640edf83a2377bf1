"""A result in lines of text, the same for the console, pytest and JUnit; nothing in them can move a cursor."""

import shlex
from collections.abc import Iterable, Iterator, Sequence

from harness.record import CaseResult, Finding, Row, Verdict, printable

MOST_ROWS = 24
"""A conversation longer than this is cut to the frames that findings or marks name, and their neighbours."""
WIDTH = 88


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
    where = frames(finding.frames)
    name = (
        finding.rule
        if finding.rule == finding.requirement
        else f"{finding.rule} {finding.requirement}".strip()
    )
    return f"{finding.says}{f' ({where})' if where else ''}{f'  [{name}]' if name else ''}"


def told_row(row: Row) -> str:
    """A message of the conversation: frame, who, which way, what, marks."""
    who = f"{row.sender} <-" if row.from_target else f"{row.sender} ->"
    line = f"{row.frame:>3}  {who:<10} {row.line}"
    return f"{line:<74} {' '.join(row.marks)}".rstrip()


def of_interest(result: CaseResult) -> Iterator[Row | None]:
    """The rows to show; None stands for rows left out."""
    rows = result.conversation
    if len(rows) <= MOST_ROWS:
        yield from rows
        return
    named = {number for finding in result.findings if _matters(finding) for number in finding.frames}
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
    yield from ("  …" if row is None else told_row(row) for row in of_interest(result))
    yield from (
        f"{finding.verdict}: {told_finding(finding)}" for finding in result.findings if _matters(finding)
    )
    if result.verdict is not result.expected is not Verdict.PASS:
        yield f"expected {result.expected}"
    if result.verdict is Verdict.ERROR and result.traceback:
        yield result.traceback.strip().rpartition("\n")[2]


def _matters(finding: Finding) -> bool:
    return finding.verdict is not Verdict.PASS


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"      {line}" for line in lines]
