"""Draws everything that a journal tells: report.json, junit.xml and index.html beside it."""

from pathlib import Path

from harness.report.html import write_page
from harness.report.journal import NAME, Run, read
from harness.report.junit import write_junit
from harness.report.summary import write_summary

PAGE = "index.html"


def draw(directory: Path) -> Run:
    """Draw the reports of the run whose journal lies in `directory`; the run."""
    run = read(directory / NAME)
    write_summary(run, directory / "report.json")
    write_junit(run, directory / "junit.xml")
    write_page(run, directory / PAGE)
    return run
