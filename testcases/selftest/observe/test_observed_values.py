"""`Observed`: a value with its frames, or an absence with its reason, however deep one asks."""

import copy

import pytest

from harness.observe import Observed
from harness.wire import v2

PROPOSAL = v2.Proposal(1, 1, b"", (v2.Transform(1, 12),))
MESSAGE = type("Message", (), {"payloads": (v2.SecurityAssociation((PROPOSAL,)), v2.Nonce(b"n" * 16))})()


def test_fields_are_observed_with_the_same_frames():
    """An attribute of the value is an `Observed` with the value's frames."""
    found = Observed(MESSAGE, (3, 4)).find(v2.Nonce).data

    assert (found.value, found.frames) == (b"n" * 16, (3, 4))


def test_one_can_ask_deep():
    """Attributes, places in tuples and lengths follow one another."""
    found = Observed(MESSAGE, (3,)).find(v2.SecurityAssociation).proposals

    assert len(found) == 1
    assert found[0].transforms[0].id.value == 12
    assert [each.number.value for each in found] == [1]


def test_absence_stays_absence():
    """What is asked of an absent thing is absent for the same reason."""
    found = Observed(MESSAGE, (3,)).find(v2.KeyExchange).data

    assert not found.present
    assert found.why == "it carries no KeyExchange"
    assert found.frames == (3,)
    assert len(found) == 0


def test_a_place_that_is_not_there_is_absent():
    """Beyond the end of a tuple there is nothing, and it says so."""
    found = Observed((1, 2))[2]

    assert not found.present
    assert "fewer than 3" in found.why


def test_truth_is_presence():
    """Zero, empty octets and False are there."""
    assert Observed(0)
    assert Observed(b"")
    assert not Observed(None)


def test_a_field_with_a_name_of_our_own_is_reached():
    """`field` reads what is called as an attribute of `Observed` itself."""
    attribute = v2.Attribute(14, 128)

    assert Observed(attribute).field("value").value == 128


def test_a_field_that_does_not_exist_is_an_error_of_the_judge():
    """A misspelt field is no absence: it would hide a fault of the judge."""
    with pytest.raises(AttributeError):
        _ = Observed(MESSAGE).find(v2.Nonce).dta


def test_it_can_be_copied():
    """Python's own machinery asks for names that no value has, and is told so."""
    assert copy.copy(Observed(5, (1,))).value == 5
