"""Silent windows: how long they are in a short run and in a full one, and that the verdict says so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bench.catalogue import Entry, catalogue
from harness.bench.run import Bench, Settings
from harness.bench.windows import Windows, waits_s, watched_s
from harness.case import Case, Findings, Initiator, Script, Silence, Trace, Watch, given
from harness.codes import ProfileName
from harness.profile import DEFAULT, Configuration, Dpd
from harness.record import Verdict
from harness.responder.deviants import DEVIANTS
from harness.target.reference import Reference
from harness.values import replace


class WatchesInSilence(Case):
    """A tunnel that is left alone."""

    silence = Silence.TRAFFIC
    wait_s = 7.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made"), "the tunnel").is_present()


def test_a_script_watches_as_long_as_the_run_asks_for(tmp_path: Path) -> None:
    """A full window lasts its minute of virtual time; the finding states the seconds and that it was a full one."""
    entry = Entry("responder_only/z/watches", "responder_only", Path(__file__), WatchesInSilence)
    bench = Bench(Reference("starts-a-child-unasked"), Settings(tmp_path, windows=Windows.FULL))
    result = bench.play(entry)
    (broken,) = (each for each in result.findings if each.rule == "INV-02")

    assert result.verdict is Verdict.FAIL
    assert "(full window)" in broken.says
    assert "in 61." in broken.says
    assert result.again.endswith("--windows full")


def _lives(seconds: float) -> Configuration:
    return DEFAULT.with_lifetimes(child_soft=0.9 * seconds, child_hard=seconds, ike_soft=None, ike_hard=None)


_PROBING = replace(DEFAULT, dpd=Dpd(interval=20.0, retry=4.0, retries=5))


@pytest.mark.parametrize(
    ("silence", "windows", "configuration", "seconds"),
    [
        (Silence.TRAFFIC, Windows.SHORT, DEFAULT, 30.0),
        (Silence.TRAFFIC, Windows.SHORT, _lives(25.0), 60.0),
        (Silence.TRAFFIC, Windows.SHORT, _lives(34.0), 30.0),
        (Silence.TRAFFIC, Windows.SHORT, _PROBING, 90.0),
        (Silence.TRAFFIC, Windows.FULL, DEFAULT, 60.0),
        (Silence.START, Windows.FULL, DEFAULT, 120.0),
        (Silence.RECOVERY, Windows.SHORT, DEFAULT, 90.0),
        (Silence.RECOVERY, Windows.FULL, DEFAULT, 300.0),
        (Silence.RENEWAL, Windows.FULL, _lives(100.0), 220.0),
    ],
)
def test_a_window_is_as_long_as_its_claim_needs(
    silence: Silence, windows: Windows, configuration: Configuration, seconds: float
) -> None:
    """Short: twice the longest timer that is soon over, and 10 s; full: what the specification bids."""
    assert watched_s(silence, windows, configuration) == pytest.approx(seconds)


def test_what_ended_is_watched_for_ninety_seconds_in_the_shortest_run() -> None:
    """After every lifetime that a short window reaches, and after a Delete or a loss."""
    assert watched_s(Silence.RENEWAL, Windows.SHORT, _lives(30.0)) - 30.0 >= 90.0
    assert watched_s(Silence.RECOVERY, Windows.SHORT, DEFAULT) >= 90.0


@pytest.mark.parametrize("windows", Windows)
def test_a_case_waits_for_its_timers_and_its_window(windows: Windows) -> None:
    """What `list` and the plan of a run say is the sum of both."""
    assert waits_s(WatchesInSilence, windows) == 7.0 + watched_s(Silence.TRAFFIC, windows, DEFAULT)


def _responder_only() -> list[Entry]:
    return [entry for entry in catalogue() if entry.suite == "responder_only"]


@pytest.mark.parametrize("holds", [lambda kind: kind.silence is not None, lambda kind: kind.deviants != ()])
def test_every_case_of_silence_has_its_window_and_its_deviant(holds: Callable[[type[Case]], bool]) -> None:
    """No case of the suite claims silence without watching, nor without a deviant that breaks it."""
    assert [entry.id for entry in _responder_only() if not holds(entry.kind)] == []


ENDS_WITHOUT_THE_PEER = (
    "responder_only/b/child-expires-under-a-dead-peer",
    "responder_only/b/ike-sa-expires-under-a-dead-peer",
    "responder_only/b/ipsec-sa-at-its-hard-limit",
    "responder_only/b/isakmp-sa-at-its-hard-limit",
    "responder_only/e/clear-that-nobody-acknowledges",
    "responder_only/f/peer-stops-answering-in-main-mode",
)


@pytest.mark.parametrize("case", ENDS_WITHOUT_THE_PEER)
def test_what_ends_without_the_peer_stays_ended(case: str, tmp_path: Path) -> None:
    """The honest responder passes; its deviant fails by the case's rule; so does a two-way device that is judged strict."""
    (entry,) = (each for each in _responder_only() if each.id == case)
    (deviant,) = entry.kind.deviants
    honest = Bench(Reference(), Settings(tmp_path / "honest")).play(entry)
    broken = Bench(Reference(deviant), Settings(tmp_path / "broken")).play(entry)
    two_way = Settings(tmp_path / "two-way", configured_as=ProfileName.TWO_WAY)

    assert deviant in DEVIANTS
    assert honest.verdict is Verdict.PASS
    assert entry.kind.subject in {each.rule for each in broken.findings if each.verdict is Verdict.FAIL}
    assert Bench(Reference(), two_way).play(entry).verdict is Verdict.FAIL
