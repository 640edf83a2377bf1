"""Evidence whose opening and closing hold what nobody would write there: it is judged and told, and nothing raises."""

from typing import Any

import pytest

from harness.observe import conversation
from harness.oracle import standing_findings
from harness.profile import PROFILES
from testcases.selftest.oracle.conftest import Line
from testcases.selftest.oracle.speech import OURS, PEERS, bare, child, packet, selectors

SAID_AT_THE_START = (
    *("target", "case", "profile", "link", "tap", "cast", "lifetimes", "ike_ports", "nat_ports"),
    *("t_resp_s", "windows"),
)
SAID_AT_THE_END = ("window_s", "finished", "triggers", "observations")
ODD: tuple[Any, ...] = (
    *(None, True, -1, 10**400, 1e308, float("nan"), float("inf"), "x", ""),
    *([], [[]], [{}], [None], [10**400], ["x"], [{"t": 10**400, "what": [], "value": {}}]),
    *({}, {"x": []}, {"x": [[]]}, {"child_hard": []}, {"child_hard": 10**400}, {"child_hard": float("nan")}),
)


@pytest.fixture
def talk(line: Line) -> Line:
    """A conversation in which every rule has something to look at."""
    line.opening["lifetimes"] = {"child_hard": 60.0}
    line.connects_openly(asked=(child(PEERS), *selectors()), told=(child(OURS), *selectors()))
    line.asks(37, 2, {"comments": ("due", "mark: asked")})
    line.starts(37, 0)
    line.answers(37, 9)
    line.starts(34, 0)
    packet(line, PEERS, after=90.0)
    bare(line)
    return line


def told(line: Line) -> int:
    """How much there is to tell of a line."""
    trace = line.trace()
    trace.observations("provoke")
    return len(standing_findings(trace, PROFILES["strict"])) + len(conversation(trace))


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("key", SAID_AT_THE_START)
def test_an_odd_opening_is_judged(talk: Line, key: str, value: object) -> None:
    """Whatever one entry of the opening is, every rule has its say."""
    talk.opening[key] = value

    assert told(talk) > 18


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("key", SAID_AT_THE_END)
def test_an_odd_closing_is_judged(talk: Line, key: str, value: object) -> None:
    """Whatever one entry of the closing is, every rule has its say."""
    assert talk.closing is not None
    talk.closing[key] = value

    assert told(talk) > 18
