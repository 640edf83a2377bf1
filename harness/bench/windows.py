"""How long a target is watched in silence, and what it is then said to have been watched for."""

from enum import StrEnum

from harness.case import Case, Silence
from harness.profile import DEFAULT, Configuration


class Windows(StrEnum):
    """What `--windows` may say."""

    SHORT = "short"
    FULL = "full"


SOON_S = 30.0
"""A lifetime up to this one is reached within a short window; a longer one is not waited for."""
PAST_S = 90.0
"""How long the target is watched at least after the last thing that happened to its SAs."""
SHORTEST_S = {
    Silence.START: 30.0,
    Silence.TRAFFIC: 30.0,
    Silence.RENEWAL: SOON_S + PAST_S,
    Silence.RECOVERY: PAST_S,
}
FULL_S = {Silence.START: 120.0, Silence.TRAFFIC: 60.0, Silence.RENEWAL: 0.0, Silence.RECOVERY: 300.0}
MARGIN_S = 10.0
CYCLES, OVERTIME = 2, 1.1
"""A full window has room for two lifetimes, each a tenth longer than it was to be."""


def watched_s(silence: Silence, windows: Windows, configuration: Configuration) -> float:
    """The seconds of a silent window: twice the longest timer of the target and a margin, or what the claim needs in full."""
    short = max(SHORTEST_S[silence], 2 * max(_timers(configuration), default=0.0) + MARGIN_S)
    if windows is Windows.SHORT:
        return short
    renewed = _cycles(configuration) if silence is Silence.RENEWAL else 0.0
    return max(short, FULL_S[silence], renewed, _patience(configuration))


def waits_s(case: type[Case], windows: Windows) -> float:
    """The seconds that a case waits in all, configured as it asks for."""
    if case.silence is None:
        return case.wait_s
    configuration = DEFAULT if case.settings is None else case.settings(DEFAULT)
    return case.wait_s + watched_s(case.silence, windows, configuration)


def outlasting_s(hard: float, windows: Windows) -> float:
    """The seconds of a window in which a hard lifetime passes for sure: once, and in a full one twice."""
    return OVERTIME * hard + PAST_S if windows is Windows.SHORT else CYCLES * OVERTIME * hard + MARGIN_S


def _timers(configuration: Configuration) -> list[float]:
    """What may end within a short window and so make a device start something."""
    limits = configuration.lifetimes
    lives = (limits.ike_soft, limits.ike_hard, limits.child_soft, limits.child_hard, limits.idle)
    return [*(each for each in lives if each is not None and each <= SOON_S), _patience(configuration)]


def _patience(configuration: Configuration) -> float:
    """How long the target waits until it takes a silent peer for dead."""
    dpd = configuration.dpd
    return 0.0 if dpd is None else dpd.interval + dpd.retry * dpd.retries


def _cycles(configuration: Configuration) -> float:
    limits = configuration.lifetimes
    hard = [each for each in (limits.ike_hard, limits.child_hard) if each is not None]
    return CYCLES * OVERTIME * min(hard, default=0.0)
