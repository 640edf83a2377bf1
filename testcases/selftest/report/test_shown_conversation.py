"""A conversation for a terminal: findings under their frames, told apart by what they weigh, in lines that fit."""

from dataclasses import replace

from rich.cells import cell_len

from harness.record import Finding, Row, Verdict, Weight
from harness.report.shown import last_line, lines
from testcases.selftest.report.conftest import HOSTILE, REFUSAL, ROWS


def told(*found: Finding, rows: tuple[Row, ...] = ROWS) -> list[str]:
    """The lines, blanks at their ends left out."""
    return [line.strip() for line in lines(rows, found)]


def test_a_finding_follows_its_message() -> None:
    """What is wrong with frame 3 stands between it and frame 4."""
    first, finding, second = told(REFUSAL)

    assert first == "0.000 ->   3  alice  IKE_AUTH request 1 { AUTH, 201! }  [probe]"
    assert finding == "FAIL  the refusal never came (frame 3)  [RFC7296-2.5-12]"
    assert second.startswith("0.001 <-   4  alice  IKE_AUTH response 1")


def test_weights_are_told_apart() -> None:
    """A NOTE, a broken SHOULD, a FAIL and what is undecided each have a word of their own."""
    unsure = replace(REFUSAL, verdict=Verdict.INCONCLUSIVE)
    found = (*(replace(REFUSAL, weight=weight) for weight in (Weight.NOTE, Weight.SHOULD)), REFUSAL, unsure)

    assert [line.partition("  ")[0] for line in told(*found)[1:-1]] == [
        "NOTE",
        "FAIL of a SHOULD",
        "FAIL",
        "INCONCLUSIVE",
    ]


def test_what_held_is_left_out() -> None:
    """Findings that passed, or judged nothing, leave the conversation as it is."""
    found = [replace(REFUSAL, verdict=verdict) for verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE)]

    assert len(told(*found)) == len(ROWS)


def test_a_second_frame_points_to_the_first() -> None:
    """A finding of two frames is told in full once."""
    assert told(replace(REFUSAL, rule="INV-07", frames=(3, 4)))[-1] == "FAIL  as under frame 3: INV-07"


def test_pointers_to_one_frame_share_a_line() -> None:
    """Two findings that both name two frames are told once each, and pointed to together; a NOTE by itself."""
    both = replace(REFUSAL, frames=(3, 4))
    page = told(both, replace(both, rule="INV-07"), replace(both, weight=Weight.NOTE))

    assert page[-2:] == [
        f"FAIL  as under frame 3: {REFUSAL.requirement}, INV-07",
        f"NOTE  as under frame 3: {REFUSAL.requirement}",
    ]


def test_a_frame_with_two_messages_has_its_finding_once() -> None:
    """Of the messages that one segment completed the first has what was found."""
    twice = (ROWS[0], ROWS[0], ROWS[1])

    assert [line[:4] for line in told(REFUSAL, rows=twice)][1:3] == ["FAIL", "0.00"]


def test_a_finding_of_no_frame_comes_last() -> None:
    """What names no frame, or one that is not shown, is told at the end."""
    found = (replace(REFUSAL, frames=()), replace(REFUSAL, frames=(99,)))

    assert [line[:4] for line in told(*found)[-2:]] == ["FAIL", "FAIL"]


def test_a_message_between_others_names_both() -> None:
    """What neither came from the target nor went to it is no part of the conversation, and looks so."""
    passed_by = replace(ROWS[0], sender="10.9.0.7:500", receiver="10.9.0.2:500")

    assert told(rows=(passed_by,))[0].startswith("0.000 --   3  10.9.0.7:500  to 10.9.0.2:500: IKE_AUTH")


def test_nothing_is_wider_than_the_page() -> None:
    """Long summaries, marks, names and findings wrap, double-width characters counted as two; nothing is lost."""
    long = replace(
        ROWS[0], sender="x" * 300, line="漢字 " * 90 + HOSTILE, marks=("mark" * 40,), payloads=("P" * 350,)
    )
    found = replace(REFUSAL, says="word " * 60 + "W" * 250)
    page = [*lines((long,), (found,), payloads=True), *last_line(Verdict.INCONCLUSIVE, "judged " * 30)]

    assert all(line.isprintable() and cell_len(line) <= 100 for line in page)
    assert sum(line.count("P") for line in page) == 350
    assert sum(line.count("漢") for line in page) == 90
