"""The registries are open: every number has a name, be it its own."""

from enum import IntEnum

from harness import codes
from harness.codes import Code, Exchange, NotifyType, ProfileName, Trigger, name_of


def test_unnamed_number_is_a_member() -> None:
    """A number that the registry doesn't name is one of its values and prints as itself."""
    member = NotifyType(4242)

    assert isinstance(member, NotifyType)
    assert (member, member.name) == (4242, "4242")


def test_unnamed_numbers_are_not_kept() -> None:
    """However many strange numbers a peer sends, the registry doesn't grow."""
    before = len(Exchange._value2member_map_)
    for number in range(100, 200):
        Exchange(number)

    assert len(Exchange._value2member_map_) == before


def test_name_of_any_number() -> None:
    """A number is told by the registry's name, or in decimal."""
    assert (name_of(Exchange, 34), name_of(Exchange, 99)) == ("IKE_SA_INIT", "99")


def test_registries_are_open_without_exception() -> None:
    """Every number registry of the module takes any number."""
    registries = [
        r
        for r in vars(codes).values()
        if isinstance(r, type) and issubclass(r, IntEnum) and r not in (IntEnum, Code)
    ]

    assert registries
    assert all(issubclass(r, Code) for r in registries)


def test_words_of_people_are_spelled_as_documented() -> None:
    """Profiles and triggers are the words of the command line and of target files."""
    assert list(ProfileName) == ["strict", "rekey-ok", "p1-only", "two-way"]
    assert {"boot", "second_selector", "hard_expiry"} < set(Trigger)
    assert len(Trigger) == 16
