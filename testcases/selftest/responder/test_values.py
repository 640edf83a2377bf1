"""Copies of values with some fields changed."""

import dataclasses

import pytest

from harness.responder.rules import HONEST
from harness.responder.state import IDLE, State
from harness.responder.values import replace


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
