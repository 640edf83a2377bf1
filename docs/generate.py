"""Draws what is drawn: the responder's table, the standing rules, the deviants, the catalogue by requirement."""

import sys
from collections.abc import Callable
from pathlib import Path

from harness.bench.catalogue import catalogue
from harness.oracle import STANDING
from harness.profile import schema
from harness.profile.vendors import page
from harness.requirements import load
from harness.responder import HONEST
from harness.responder.deviants import DEVIANTS
from harness.responder.diagram import draw
from harness.target import daemon_page, file_page
from harness.target.named import DAEMONS

HERE = Path(__file__).parent
NOTE = "*Drawn by `make docs`; a selftest fails when it is stale.*\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def responder() -> str:
    """Every transition, guard, timer and decision of the reference responder."""
    return f"# The reference responder's table\n\n{NOTE}\n{draw(HONEST)}"


def rules() -> str:
    """The standing rules, which hold in every trace."""
    lines = ["# Standing rules", "", NOTE, "| rule | claim | says | requirements |", "|---|---|---|---|"]
    lines += [
        f"| {rule.id} | {rule.claim} | {_cell(rule.title)} | {', '.join(rule.requirements)} |"
        for rule in STANDING
    ]
    return "\n".join(lines) + "\n"


def deviants() -> str:
    """The responders with one rule broken, and the cases that name them."""
    named: dict[str, list[str]] = {}
    for entry in catalogue():
        for name in entry.kind.deviants:
            named.setdefault(name, []).append(entry.id)
    lines = ["# Deviants", "", NOTE, "| deviant | breaks | does | named by |", "|---|---|---|---|"]
    lines += [
        f"| {d.name} | {d.breaks} | {_cell(d.says)} | {', '.join(named.get(d.name, ()))} |"
        for d in DEVIANTS.values()
    ]
    return "\n".join(lines) + "\n"


def matrix() -> str:
    """Requirement by requirement, the cases that trace to it."""
    traced: dict[str, list[str]] = {}
    for entry in catalogue():
        for requirement in entry.kind.requirements:
            traced.setdefault(requirement, []).append(entry.id)
    known = load()
    lines = [
        "# Requirements and their cases",
        "",
        NOTE,
        "| requirement | level | says | cases |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {r} | {known[r].level} | {_cell(known[r].statement)} | {', '.join(traced[r])} |"
        for r in known
        if r in traced
    ]
    return "\n".join(lines) + "\n"


def configuration() -> str:
    """How a device is configured: the fields of the model, in TOML and in Cisco IOS text."""
    return f"# The configuration of the reference responder\n\n{NOTE}\n{schema.draw()}"


def targets() -> str:
    """How a device elsewhere is described."""
    return f"# Target files\n\n{NOTE}\n{file_page.draw()}"


def devices() -> str:
    """The responder-only modes of vendors, their gaps, and how they were verified."""
    return f"# Devices under test, vendor by vendor\n\n{NOTE}\n{page.draw()}"


def daemons() -> str:
    """How the daemons are set up that are driven here, and how they are known to depart."""
    return f"# Daemons under test\n\n{NOTE}\n{daemon_page.draw(each.kind for each in DAEMONS)}"


PAGES: dict[str, Callable[[], str]] = {
    "responder.md": responder,
    "standing-rules.md": rules,
    "deviants.md": deviants,
    "requirements.md": matrix,
    "configuration.md": configuration,
    "targets.md": targets,
    "devices.md": devices,
    "daemons.md": daemons,
}


def main() -> None:
    """Write every page beside this file."""
    for name, draw_page in PAGES.items():
        (HERE / name).write_text(draw_page(), encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()
