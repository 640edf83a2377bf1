"""How long cases took the last time: what a run that is to come may expect."""

import json
from pathlib import Path
from typing import Any

SUMMARY = "report.json"


def measured(reports: Path, target: str, link: str) -> dict[str, float]:
    """The seconds that each case took in the newest run against that target on such a link; nothing if there is none."""
    found = [*reports.glob(f"*/{SUMMARY}"), *reports.glob(f"*/*/{SUMMARY}")]
    for path in sorted(found, key=lambda each: each.parent.parts, reverse=True):
        told = _summary(path)
        if (told.get("target", {}).get("name"), told.get("link")) == (target, link):
            return {case["id"]: case["duration_s"] for case in told["cases"] if case["capture"]}
    return {}


def _summary(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told
