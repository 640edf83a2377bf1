"""What a printer leaves out of a configuration is found by comparing it with the default."""

from dataclasses import replace

import pytest

from harness.profile import DEFAULT, Configuration
from harness.profile.child_policy import ChildPolicy
from harness.profile.exchanges import Fragments
from harness.profile.unsaid import unsaid


def test_what_is_as_by_default_need_not_be_said() -> None:
    """A printer without any words can print the default."""
    assert unsaid(DEFAULT, ()) == ()


@pytest.mark.parametrize(
    ("configuration", "said", "left"),
    [
        (DEFAULT.with_lifetimes(idle=5.0), ("lifetimes.ike_hard",), ("lifetimes.idle",)),
        (DEFAULT.with_lifetimes(idle=5.0), ("lifetimes.idle",), ()),
        (DEFAULT.with_lifetimes(idle=5.0), ("lifetimes",), ()),
        (replace(DEFAULT, childless=False), (), ("childless",)),
        (replace(DEFAULT, fragments=Fragments()), ("fragments.size",), ("fragments",)),
        (replace(DEFAULT, children=ChildPolicy(most=1)), ("children.transport",), ("children.most",)),
    ],
)
def test_every_other_setting_is_said_or_left(
    configuration: Configuration, said: tuple[str, ...], left: tuple[str, ...]
) -> None:
    """A name stands for what is below it, and for nothing else."""
    assert unsaid(configuration, said) == left
