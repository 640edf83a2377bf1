"""Campaigns find what was planted, within a budget of cases; the honest reference gives them nothing."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from harness.bench.stage import LinkKind
from harness.cli import main
from harness.clock import SeededEntropy, VirtualClock
from harness.fuzz.blocks import AUTH, INIT, Blocks, auth_payloads, init_message
from harness.fuzz.campaign import Budget, Campaign, Report
from harness.fuzz.keep import Outcome, replayed
from harness.fuzz.planted import Planted
from harness.fuzz.play import Play
from harness.fuzz.script import Where, read_script
from harness.fuzz.volume import mutants
from harness.fuzz.watchdog import Hung, bounded
from harness.target.reference import Reference
from harness.wire import encode_chain

SEED = 1


def campaign(
    target: object, place: Path, cases: int, *slices: str, seed: int = SEED, rule: str = ""
) -> Report:
    """A campaign of these slices until it finds that this rule is broken, or has made its cases."""
    return Campaign(
        target,
        Budget(cases=cases),
        seed,
        VirtualClock(),
        place,
        slices=slices or ("stateful", "blocks", "volume"),
        enough=lambda report: any(found.fault.rule == rule for found in report.found),
    ).run()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_defect_of_a_sequence_is_found_by_dialogues(seed: int, tmp_path: Path) -> None:
    """What only an IKE rekey, a child rekey and a Delete in this order reveal is found, as eight messages."""
    report = campaign(Planted("starts-after-a-sequence"), tmp_path, 400, "stateful", seed=seed, rule="INV-02")

    assert report.errors == []
    assert ("INV-02", 8) in [(found.fault.rule, found.minimal_messages) for found in report.found]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_defect_of_a_sealed_value_is_found_by_blocks(seed: int, tmp_path: Path) -> None:
    """What only one field behind a good AUTH and a good seal reveals is found, as two messages."""
    report = campaign(Planted("dies-of-a-sealed-value"), tmp_path, 1500, "blocks", seed=seed, rule="INV-16")

    assert report.errors == []
    assert [(found.fault.rule, found.minimal_messages) for found in report.found] == [("INV-16", 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("defect", "rule"), [("starts-after-a-sequence", "INV-02"), ("dies-of-a-sealed-value", "INV-16")]
)
def test_kept_script_tells_the_defect_from_its_repair(defect: str, rule: str, tmp_path: Path) -> None:
    """What a whole campaign keeps still fails on the defect, is fixed on the honest reference, and lies there with its capture."""
    report = campaign(Planted(defect), tmp_path, 1000, rule=rule)
    (found,) = [each for each in report.new if each.fault.rule == rule]

    script = read_script(found.script)

    assert replayed(script, Planted(defect), tmp_path / "a.pcapng").outcome is Outcome.STILL_FAILS
    assert replayed(script, Reference(), tmp_path / "b.pcapng").outcome is Outcome.FIXED
    assert found.capture.stat().st_size > 0


@pytest.mark.slow
def test_honest_reference_gives_no_finding(tmp_path: Path) -> None:
    """A short campaign of all three fuzzers, UDP included, finds nothing on the honest reference."""
    report = campaign(Reference(), tmp_path, 300)

    assert (report.found, report.errors, report.cases) == ([], [], 300)
    assert set(report.by_slice) == {"stateful", "blocks", "volume"}
    assert sum(report.by_state.values()) == report.cases


def test_campaign_repeats_from_its_seed(tmp_path: Path) -> None:
    """The same seed and number of cases meet the same states."""
    runs = [campaign(Reference(), tmp_path, 60, "volume", seed=9).by_state for _ in range(2)]

    assert runs[0] == runs[1]


def test_mutants_meet_every_state(tmp_path: Path) -> None:
    """Two hundred mutants reach the target before, during and after authentication, in both versions."""
    met: Counter[str] = Counter()
    moves: Counter[str] = Counter()
    with Play(Reference(), Where(2), tmp_path / "play.pcapng") as play:
        for mutant, _ in zip(mutants(SeededEntropy(2), play.hands), range(200), strict=False):
            for move in (*mutant.before, mutant.move):
                play.do(move)
            met[mutant.state] += 1
            moves[mutant.move["do"]] += 1
        played = play.finish()

    assert played.faults == ()
    assert set(met) == {"unauthenticated", "half-open", "authenticated"}
    assert set(moves) >= {"ike_sa_init", "ike_auth", "sealed", "sealed_v1", "main_mode", "send"}


def test_model_renders_what_it_was_made_of() -> None:
    """Without a mutation the models render a valid message and a valid chain; they have thousands of mutations."""
    auth, init = Blocks(AUTH, SeededEntropy(1)), Blocks(INIT, SeededEntropy(1))

    assert auth._request.render() == encode_chain(auth_payloads())
    assert init._request.render() == init_message().encode()
    assert min(auth.total, init.total) > 5000


def test_models_honest_message_is_believed(tmp_path: Path) -> None:
    """The unmutated IKE_AUTH of the model brings up an IKE SA with its child: mutations start from there."""
    octets = encode_chain(auth_payloads())
    with Play(Reference(), Where(), tmp_path / "play.pcapng") as play:
        play.do({"do": "auth", "first": auth_payloads()[0].type, "octets": octets.hex()})
        established = play.hands.alice.ike.established
        play.finish()

    assert established


def test_model_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Two batches of a model make different mutations."""
    model, batches = Blocks(INIT, SeededEntropy(1)), []
    for _ in range(2):
        with Play(Reference(), Where(), tmp_path / "play.pcapng") as play:
            model.run(play, 20, lambda _: None, lambda: True)
            batches.append({move["octets"] for move in play.moves})
            play.finish()

    assert len(batches[0]) >= 15
    assert batches[0] != batches[1]


@pytest.mark.slow
def test_model_is_played_against_a_daemon(tmp_path: Path) -> None:
    """Over UDP, against the reference as a process of its own, mutations of both models find nothing."""
    target = Reference()
    try:
        for name in (INIT, AUTH):
            with Play(target, Where(link=LinkKind.UDP), tmp_path / "play.pcapng") as play:
                Blocks(name, SeededEntropy(3)).run(play, 60, lambda _: None, lambda: True)
                assert play.finish().faults == ()
    finally:
        target.stop()


class Fragile(Reference):
    """The reference as a process that dies of its fortieth message, as `crashed` is asked after each."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.starts = 0

    def start(self, configuration: object, peer: object) -> object:
        self.asked, self.starts = 0, self.starts + 1
        return super().start(configuration, peer)

    def crashed(self) -> str | None:
        self.asked += 1
        if self.asked == 40 and self._process is not None:
            self._process.kill()
            self._process.wait()
        return super().crashed()


@pytest.mark.slow
def test_dead_daemon_is_a_finding_and_is_started_again(tmp_path: Path) -> None:
    """A process that dies in a campaign is found, counted and started afresh for what comes next."""
    target = Fragile()
    report = Campaign(target, Budget(cases=60), SEED, VirtualClock(), tmp_path, slices=("blocks",)).run()

    assert report.errors == []
    assert [found.fault.rule for found in report.found] == ["INV-16"]
    assert report.restarts >= 1
    assert target.starts > report.restarts


def test_interrupted_campaign_keeps_what_it_found(tmp_path: Path) -> None:
    """Ctrl-C ends a campaign with its report; what was kept lies there."""

    def interrupt(_report: Report) -> None:
        raise KeyboardInterrupt

    report = Campaign(
        Planted("dies-of-a-sealed-value"),
        Budget(cases=10_000),
        SEED,
        VirtualClock(),
        tmp_path,
        told=lambda report: interrupt(report) if report.found else None,
        slices=("blocks",),
    ).run()

    assert report.interrupted
    assert report.found[0].script.is_file()


def test_endless_loop_is_cut_short() -> None:
    """Computing without end raises once its processor time is used up."""

    def compute() -> None:
        with bounded(0.05):
            while os.getpid():
                pass

    with pytest.raises(Hung):
        compute()


def test_command_tells_its_report_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`fuzz --json` has the shape that others rely on, and exits with 1 for a finding; `replay` tells both outcomes."""
    arguments = ["--target", "planted:dies-of-a-sealed-value", "--cases", "300", "--seed", "1", "--json"]
    status = main(["fuzz", *arguments, "--output", str(tmp_path)])
    told = json.loads(capsys.readouterr().out)

    assert {"format", "target", "seed", "seconds", "cases", "cases_per_s", "by_state", "restarts"} <= set(
        told
    )
    assert status == 1
    (found,) = told["findings"]
    assert {"id", "rule", "script", "capture", "minimal_messages", "seen"} <= set(found)
    assert main(["replay", found["script"]]) == 1
    assert main(["replay", found["script"], "--target", "reference"]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("STILL FAILS")


def test_file_that_is_no_script_exits_with_64(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unreadable file costs one sentence on stderr."""
    assert main(["replay", str(tmp_path / "none.json")]) == 64
    assert capsys.readouterr().err.count("\n") == 1
