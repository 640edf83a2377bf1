"""The four profiles: what each may start, as the specification's table has it."""

import pytest

from harness.codes import ProfileName
from harness.profile import PROFILES, Start, profile

REKEYS = {Start.CHILD_REKEY, Start.IKE_REKEY}
TABLE = {
    ProfileName.STRICT: set(),
    ProfileName.REKEY_OK: REKEYS,
    ProfileName.P1_ONLY: REKEYS | {Start.FIRST_CHILD},
    ProfileName.TWO_WAY: set(Start),
}


@pytest.mark.parametrize("name", ProfileName)
def test_profile_may_start_what_the_table_says(name: ProfileName) -> None:
    """Each profile grants exactly the starts of its column."""
    assert profile(name).may == TABLE[name]


@pytest.mark.parametrize("start", [Start.IKE_SA, Start.PHASE1_RENEWAL, Start.REAUTH, Start.RECREATE])
def test_only_two_way_reaches_out(start: Start) -> None:
    """Whatever opens an IKE SA belongs to the two-way profile alone."""
    assert [each.name for each in PROFILES.values() if start in each.may] == [ProfileName.TWO_WAY]


def test_profile_is_found_by_the_word_a_person_writes() -> None:
    """`rekey-ok` names the profile REKEY_OK."""
    assert profile("rekey-ok").name is ProfileName.REKEY_OK


def test_unknown_profile_is_refused_with_the_known_ones() -> None:
    """A wrong name is answered with the right ones."""
    with pytest.raises(ValueError, match="no profile is called 'loose'; the profiles are strict, rekey-ok"):
        profile("loose")
