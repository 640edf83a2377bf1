"""A conversation for a terminal, what was found beside the frames that show it; nothing is wider than 100 columns."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from harness.record import Conversation, Finding, Row, Verdict, Weight, printable
from harness.report.telling import JUDGES, frames, told_finding

WIDTH = 100
MOST_OF_A_NAME = 24
_FURTHER = 4
"""How much further in the lines stand that go on with a message or a finding."""
_UNTOLD = (Verdict.PASS, Verdict.NOT_APPLICABLE)
_PAGE = Console(width=WIDTH, color_system=None)


def beside(found: Sequence[Finding], shown: Conversation) -> Mapping[int, tuple[int, ...]]:
    """The findings by the frames that they name, those that held left out; by their place in `found`.

    Under 0 stands what names no frame that is shown.
    """
    known = {row.frame for row in shown}
    by_frame: dict[int, tuple[int, ...]] = {}
    for number, finding in enumerate(found):
        if finding.verdict not in _UNTOLD:
            for frame in sorted(known.intersection(finding.frames)) or (0,):
                by_frame[frame] = (*by_frame.get(frame, ()), number)
    return by_frame


def lines(shown: Conversation, found: Sequence[Finding], *, payloads: bool = False) -> Iterator[str]:
    """Time, direction (`->` to the target, `<-` from it), frame, peer, what it says, and its marks; then what was found.

    A finding stands in full under the first frame that it names, and is pointed to under the others.
    """
    by_frame = dict(beside(found, shown))
    rest = by_frame.pop(0, ())
    width = min(max((len(_peer(row)) for row in shown), default=0), MOST_OF_A_NAME)
    told: dict[int, int] = {}
    for row in shown:
        yield from _message(row, width, payloads=payloads)
        here = by_frame.pop(row.frame, ())
        yield from _pointers([(found[number], told[number]) for number in here if number in told])
        for number in here:
            if told.setdefault(number, row.frame) == row.frame:
                yield from _finding(_word(found[number]), told_finding(found[number]))
    for number in rest:
        yield from _finding(_word(found[number]), told_finding(found[number]))


def last_line(verdict: Verdict, says: str) -> Iterator[str]:
    """What it all comes to; a line, or as many as it takes."""
    yield from _filled(f"{verdict}  ", says, indent=_FURTHER)


def _message(row: Row, width: int, *, payloads: bool) -> Iterator[str]:
    arrow = "->" if row.receiver == "target" else "<-" if row.from_target else "--"
    head = f"{row.time:>9.3f} {arrow} {row.frame:>3}  {_cut(_peer(row)):<{width}}  "
    beyond = f"to {row.receiver}: " if arrow == "--" else ""
    marks = f"  [{', '.join(row.marks)}]" if row.marks else ""
    yield from _filled(head, f"{beyond}{row.line}{marks}")
    for payload in row.payloads if payloads else ():
        yield from _filled(" " * (len(head) + _FURTHER), payload)


def _pointers(told: Sequence[tuple[Finding, int]]) -> Iterator[str]:
    """What stands under an earlier frame, those of one weight and one frame in a line."""
    together: dict[tuple[str, int], list[str]] = {}
    for finding, first in told:
        name = finding.requirement if finding.rule in JUDGES else finding.rule
        together.setdefault((_word(finding), first), []).append(name)
    for (word, first), names in together.items():
        yield from _finding(word, f"as under {frames((first,))}: {', '.join(dict.fromkeys(names))}")


def _finding(word: str, said: str) -> Iterator[str]:
    yield from _filled(f"{'':>13}{word}  ", said, indent=17)


def _word(finding: Finding) -> str:
    """What a finding comes to: one that counts for nothing, or only under --strict, is told apart."""
    if finding.weight is Weight.NOTE:
        return "NOTE"
    return f"{finding.verdict} of a SHOULD" if finding.weight is Weight.SHOULD else str(finding.verdict)


def _peer(row: Row) -> str:
    """Whom the target speaks with, or who sent what passed it by."""
    return row.receiver if row.from_target else row.sender


def _cut(name: str) -> str:
    """A name that is too long by its end, which tells addresses and ports apart."""
    return name if len(name) <= MOST_OF_A_NAME else f"…{name[1 - MOST_OF_A_NAME :]}"


def _filled(head: str, text: str, indent: int | None = None) -> Iterator[str]:
    """`text` behind `head`, and what does not fit below it."""
    head = printable(head)
    indent = len(head) + _FURTHER if indent is None else indent
    whole = Text(printable(text))
    first = whole.wrap(_PAGE, WIDTH - len(head), overflow="fold")[0]
    yield f"{head}{first.plain}".rstrip()
    rest = Text(whole.plain[len(first.plain) :].lstrip())
    for line in rest.wrap(_PAGE, WIDTH - indent, overflow="fold") if rest.plain else ():
        yield f"{'':>{indent}}{line.plain}".rstrip()
