"""Draws everything that a journal tells: report.json, junit.xml and index.html beside it; and what several tell together."""

from collections.abc import Mapping
from pathlib import Path

from harness.report.html import write_matrix_page, write_page
from harness.report.journal import NAME, Run, first_line, read
from harness.report.junit import write_junit
from harness.report.matrix import FILE, Matrix, write_matrix
from harness.report.naming import target_name
from harness.report.summary import write_summary

PAGE = "index.html"


def draw(directory: Path) -> Run:
    """Draw the reports of the run whose journal lies in `directory`; the run."""
    run = read(directory / NAME)
    write_summary(run, directory / "report.json")
    write_junit(run, directory / "junit.xml")
    write_page(run, directory / PAGE)
    return run


def draw_matrix(directory: Path, runs: Mapping[str, Run]) -> Matrix:
    """Draw what the runs that lie below `directory`, under the names of their targets, come to side by side."""
    matrix = Matrix(tuple(map(target_name, runs)), tuple(runs.values()))
    write_matrix(matrix, directory / FILE)
    write_matrix_page(matrix, directory / PAGE)
    return matrix


def below(directory: Path) -> dict[str, Path]:
    """The directories of the runs of several targets, by their names as they were asked for; none if it is a run of one."""
    name = directory.resolve().name
    found = {path.parent.name: first_line(path) for path in sorted(directory.glob(f"*/{NAME}"))}
    asked = {place: header.get("asked", {}) for place, header in found.items() if header.get("run") == name}
    order = [target_name(each) for told in asked.values() for each in told.get("targets", ())]
    return {place: directory / place for place in sorted(asked, key=[*order, *asked].index)}
