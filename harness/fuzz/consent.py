"""Whose device it is: what a target file must say before a device elsewhere is fuzzed."""

import tomllib
from datetime import date
from pathlib import Path


def refusal(target: str, today: str) -> str | None:
    """Why this target may not be fuzzed, in a sentence; None if it may. `today` is an ISO date.

    A device elsewhere (`kind = "remote"`) needs `[consent]` with its owner's name and a date not yet past.
    """
    if not target.endswith(".toml"):
        return None
    try:
        said = tomllib.loads(Path(target).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # whoever reads the file for its target says what is wrong with it
    if said.get("target", {}).get("kind") != "remote":
        return None
    consent = said.get("consent", {})
    if not consent.get("owner") or "until" not in consent:
        return f"{target}: a device elsewhere is fuzzed only with its owner's leave: add [consent] with owner and until"
    until = consent["until"]
    try:
        last = until if isinstance(until, date) else date.fromisoformat(str(until))
    except ValueError:
        return f"{target}: [consent] until is no date: {until!s}; write YYYY-MM-DD"
    if last.isoformat()[:10] < today[:10]:
        return f"{target}: the consent ended on {last.isoformat()[:10]}; ask the owner again"
    return None
