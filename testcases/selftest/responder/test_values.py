"""Copies of values with some fields changed."""

import dataclasses
from dataclasses import field

import pytest

from harness.responder.rules import HONEST
from harness.responder.state import IDLE, State
from harness.values import replace, value


def test_a_copy_is_what_the_library_makes() -> None:
    """With slots or without, the copy equals that of `dataclasses.replace`, and the old value is as it was."""
    made, rules = replace(IDLE, expected=3, state=State.ESTABLISHED), replace(HONEST, guards={})

    assert made == dataclasses.replace(IDLE, expected=3, state=State.ESTABLISHED)
    assert rules == dataclasses.replace(HONEST, guards={})
    assert (IDLE.expected, IDLE.state) == (0, State.IDLE)


def test_a_field_that_is_not_there_is_an_error() -> None:
    """A misspelt field is no new attribute."""
    with pytest.raises(TypeError, match="no field 'expectd'"):
        replace(IDLE, expectd=3)


def test_equal_values_are_one_key() -> None:
    """Values with the same fields are equal and hash alike, so that sets and tables may hold them."""
    assert {replace(IDLE, expected=3), replace(IDLE, expected=3)} == {replace(IDLE, expected=3)}


def test_a_field_that_no_constructor_takes_is_made_anew() -> None:
    """What a value works out for itself is not handed on to a copy that would work it out otherwise."""

    @value
    class Counted:
        name: str
        seen: list[str] = field(default_factory=list, init=False)

    first = Counted("a")
    first.seen.append("a")

    assert replace(first, name="b").seen == []
