"""Draws the responder's table as text: states across exchanges, and the section each cell obeys."""

from collections.abc import Iterable

from harness.codes import Exchange, name_of
from harness.responder.table import TABLE, Cell, Key, Rules


def _rows(cells: Iterable[tuple[Key, Cell]], what: str) -> list[str]:
    lines = [f"### {what}", "", "| state | exchange | rule | RFC |", "|---|---|---|---|"]
    for (state, exchange), cell in sorted(cells, key=lambda entry: (str(entry[0][0]), entry[0][1])):
        name = cell.__name__
        lines.append(f"| {state} | {name_of(Exchange, exchange)} | {name} | {TABLE.sources[name]} |")
    return [*lines, ""]


def draw(rules: Rules) -> str:
    """The table in Markdown: requests, responses to our own requests, guards, timers, decisions."""
    lines = _rows(rules.requests.items(), "Requests") + _rows(rules.responses.items(), "Responses")
    for title, names in (
        ("Guards, in the order they are asked", [guard.__name__ for guard in rules.guards.values()]),
        ("Timers", sorted({f"{cell.__name__}" for cell in rules.timers.values()})),
        ("Decisions", sorted(rules.decisions)),
        ("Extensions, in the order they have their say", [name for _, name in rules.extensions]),
    ):
        lines += [f"### {title}", "", "| rule | RFC |", "|---|---|"]
        lines += [f"| {name} | {TABLE.sources[name]} |" for name in names]
        lines.append("")
    return "\n".join(lines)
