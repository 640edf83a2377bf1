"""A case from script to verdict against the reference responder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.bench.catalogue import Entry
from harness.bench.judge import judge
from harness.bench.run import Bench, Settings
from harness.bench.stage import LinkKind
from harness.bench.stored import evidence_beside, run_beside, stored
from harness.capture import read
from harness.case import Case, Configuration, Findings, Initiator, ProfileName, Script, Trace, that
from harness.record import CaseResult, Verdict, Weight
from harness.target.reference import Reference
from harness.wire import v2

ALICE = "192.0.2.2"


class Connects(Case):
    """An IKE SA comes up."""

    requirements = ("RFC7296-1.2-03",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="probe")

    def judge(self, trace: Trace) -> Findings:
        yield that(trace.reply_to("probe").find(v2.Authentication), "the AUTH").is_present()


class ConnectsTwice(Connects):
    """Two peers connect side by side."""

    def script(self, alice: Initiator, bob: Initiator) -> Script:
        yield from alice.connect(mark="probe")
        yield from bob.connect()


class WantsTheImpossible(Connects):
    """It can't be played."""

    needs = frozenset({"teleport"})


class SpeaksFromElsewhere(Connects):
    """The peer's sign of life comes from its other address."""

    needs = frozenset({"second-address"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.from_elsewhere(alice.liveness(mark="probe"))

    def judge(self, trace: Trace) -> Findings:
        asked, answer = trace.marked("probe"), trace.reply_to("probe")
        yield that(answer.destination, "where it is answered").equals(asked.source.value)
        at_home = asked.source.then(lambda there: there.address == ALICE)
        yield that(at_home, "whether it was asked from the first address").equals(False)


class OfTwoWay(Connects):
    """It names its own profile."""

    profile = ProfileName.TWO_WAY


class Stumbles(Connects):
    """Its script has a bug."""

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        raise RuntimeError("a bug of the script")


class Misjudges(Connects):
    """Its judge has a bug."""

    def judge(self, trace: Trace) -> Findings:
        raise RuntimeError("a bug of the judge")
        yield


class Wishes(Connects):
    """It asks for what is only a SHOULD, and does not get it."""

    requirements = ("RFC7296-2.21.2-01",)

    def judge(self, trace: Trace) -> Findings:
        yield that(trace.reply_to("probe").find(v2.Delete), "a Delete").is_present()


class Slower(Connects):
    """It is played with a configuration of its own."""

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        return configuration.with_lifetimes(half_open=1.0)


def entry(kind: type[Case]) -> Entry:
    """The case as a catalogue has it."""
    return Entry(f"ikev2/1.2/{kind.__name__.lower()}", "ikev2", Path(__file__), kind)


def play(kind: type[Case], place: Path, deviant: str | None = None, **settings: Any) -> CaseResult:
    """Play against the reference, or a deviant."""
    return Bench(Reference(deviant), Settings(pcaps=place, **settings)).play(entry(kind))


def test_an_honest_responder_passes(tmp_path: Path) -> None:
    """The case's finding and those of the standing rules make a PASS, and every claim holds."""
    result = play(Connects, tmp_path)

    assert result.verdict is Verdict.PASS
    assert result.findings[0].requirement == "RFC7296-1.2-03"
    assert result.claims == {"safety": "PASS", "liveness": "PASS", "protocol": "PASS"}


@pytest.mark.parametrize("link", [LinkKind.VIRTUAL, LinkKind.UDP])
def test_a_peer_can_speak_from_another_address(tmp_path: Path, link: LinkKind) -> None:
    """What comes from a peer's other address is answered there, in virtual time and between real sockets."""
    bench = Bench(Reference(), Settings(pcaps=tmp_path, link=link))
    result = bench.play(entry(SpeaksFromElsewhere))
    bench.close()

    assert result.verdict is Verdict.PASS
    assert len(read(result.capture).opening["cast"]["alice"]) == 4


def test_a_mute_responder_fails(tmp_path: Path) -> None:
    """Silence is FAIL by the rule that the target still answers, never a PASS."""
    result = play(Connects, tmp_path, "mute")

    assert result.verdict is Verdict.FAIL
    assert "INV-16" in {finding.rule for finding in result.findings if finding.verdict is Verdict.FAIL}


def test_a_missing_ability_is_not_applicable(tmp_path: Path) -> None:
    """What the target lacks is named, and nothing is played."""
    result = play(WantsTheImpossible, tmp_path)

    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "teleport" in result.why
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [Stumbles, Misjudges])
def test_a_bug_of_ours_is_an_error(kind: type[Case], tmp_path: Path) -> None:
    """It has its traceback, and is no verdict on the target."""
    result = play(kind, tmp_path)

    assert result.verdict is Verdict.ERROR
    assert "RuntimeError: a bug of the" in result.traceback


def test_a_broken_should_passes_unless_strict(tmp_path: Path) -> None:
    """A SHOULD that is not met is found and counted; only --strict makes it a FAIL."""
    lenient, strict = play(Wishes, tmp_path / "a"), play(Wishes, tmp_path / "b", strict=True)

    assert (lenient.verdict, lenient.broken_should) == (Verdict.PASS, 1)
    assert lenient.findings[0].weight is Weight.SHOULD
    assert strict.verdict is Verdict.FAIL


def test_a_run_repeats_octet_for_octet(tmp_path: Path) -> None:
    """The same seed makes the same frames at the same times."""
    for place in ("a", "b"):
        play(ConnectsTwice, tmp_path / place, seed=5)
    first, again = (read(next((tmp_path / place).rglob("*.pcapng"))) for place in ("a", "b"))

    assert first.frames == again.frames


def test_another_seed_makes_other_octets(tmp_path: Path) -> None:
    """Nonces and SPIs come from the seed."""
    for seed in (1, 2):
        play(Connects, tmp_path / str(seed), seed=seed)
    first, other = (read(next((tmp_path / place).rglob("*.pcapng"))) for place in ("1", "2"))

    assert first.frames != other.frames


def test_the_evidence_says_what_was_known_at_the_start(tmp_path: Path) -> None:
    """The opening names case, requirements, target, profiles, seed, clock and cast."""
    result = play(ConnectsTwice, tmp_path, seed=5, configured_as=ProfileName.TWO_WAY)
    opening = read(result.capture).opening

    assert opening is not None
    assert opening["case"] == "ikev2/1.2/connectstwice"
    assert opening["target"]["addresses"] == ["192.0.2.1"]
    assert (opening["profile"], opening["configured_as"]) == ("strict", "two-way")
    assert (opening["seed"], opening["clock"]) == (5, "virtual")
    assert opening["cast"]["bob"] == ["192.0.2.3:500", "192.0.2.3:4500"]


def test_evidence_and_keys_are_private(tmp_path: Path) -> None:
    """The capture and the tables beside it are for their owner alone."""
    play(Connects, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert sorted(path.suffix for path in files) == [".esp_sa", ".ikev2_decryption_table", ".pcapng"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_without_keys_the_verdict_is_the_same_and_no_key_is_kept(tmp_path: Path) -> None:
    """--no-keys judges with the keys in memory and leaves none on the disk."""
    result = play(Connects, tmp_path, keys=False)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert result.verdict is Verdict.PASS
    assert [path.suffix for path in files] == [".pcapng"]
    assert read(files[0]).secrets == ()


@pytest.mark.parametrize("deviant", [None, "mute", "leaves-the-first-child-out"])
def test_stored_evidence_gives_the_same_findings(deviant: str | None, tmp_path: Path) -> None:
    """Judged again from the file alone, every finding is what it was."""
    result = play(Connects, tmp_path, deviant)
    again = stored(Path(result.capture), {result.id: entry(Connects)}).result

    assert again.findings == result.findings
    assert again.verdict is result.verdict


def test_a_cut_off_capture_claims_nothing_from_silence(tmp_path: Path) -> None:
    """Evidence without its closing block gives no PASS."""
    result = play(Connects, tmp_path)
    whole = read(result.capture)
    torn = replace(whole, closing=None, cut_off=True)

    assert judge(entry(Connects), torn, ProfileName.STRICT).verdict is Verdict.INCONCLUSIVE


def test_a_case_may_name_its_own_profile() -> None:
    """A case's own profile comes before the run's; the target is set up as it is judged unless told otherwise."""
    settings = Settings(pcaps=Path(), profile=ProfileName.REKEY_OK)

    assert settings.judged_by(Connects) is ProfileName.REKEY_OK
    assert settings.judged_by(OfTwoWay) is ProfileName.TWO_WAY
    assert settings.set_up_as(OfTwoWay) is ProfileName.TWO_WAY


def test_a_case_may_have_a_configuration_of_its_own(tmp_path: Path) -> None:
    """`settings` changes what the target is configured to be."""
    assert play(Slower, tmp_path).verdict is Verdict.PASS


def test_the_command_plays_the_case_again(tmp_path: Path) -> None:
    """`again` names id, target, seed and everything that is not the default."""
    bench = Bench(Reference("mute"), Settings(pcaps=tmp_path, seed=9, strict=True))

    assert bench.again(entry(Connects)) == (
        "ike-harness run ikev2/1.2/connects --target deviant:mute --seed 9 --strict"
    )


@pytest.mark.parametrize("layout", ["pcaps/run/ikev2/1.2/x.pcapng", "out/pcaps/ikev2/1.2/x.pcapng"])
def test_journal_and_evidence_of_a_run_find_each_other(layout: str, tmp_path: Path) -> None:
    """Beside pcaps/RUN lies reports/RUN, beside DIR/pcaps lies DIR/reports."""
    capture = tmp_path / layout
    base, below = layout.split("pcaps/")
    run = "run" if below.startswith("run/") else ""
    journal, evidence = tmp_path / base / "reports" / run / "journal.jsonl", tmp_path / base / "pcaps" / run
    journal.parent.mkdir(parents=True)
    journal.touch()

    assert run_beside(capture) == (journal, evidence)
    assert evidence_beside(journal.parent) == evidence
