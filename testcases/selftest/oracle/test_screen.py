"""The audit of files: what is screened by the column is judged exactly as message by message."""

import gzip
import os
from collections.abc import Callable
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from benchmarks.crowd import OFFENCES, Crowd
from harness.capture import Writer, classic, read, sections, source
from harness.capture.joined import read_in_order
from harness.capture.short import short_counted
from harness.capture.source import Lookup
from harness.codes import ProfileName
from harness.observe.shelf import Shelf
from harness.oracle import STANDING, Unnamed, audit, audit_files
from harness.oracle.audit import Audit, concluded
from harness.oracle.facts import Fact
from harness.oracle.screen import CHECKS
from harness.oracle.sweep import Sweep, Watched
from harness.profile import PROFILES
from harness.record import Verdict
from testcases.selftest.oracle.talkative import (
    DEVICE,
    DEVICE_V6,
    Sa,
    Said,
    Story,
    altered,
    packets,
    pcap,
    pcapng,
    stories,
)  # fmt: skip

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
DEVICES = (DEVICE, DEVICE_V6)
WATCHED = Watched(frozenset(DEVICES))
STRICT = PROFILES[ProfileName.STRICT]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read by a few records at a time, so that sheets end anywhere."""
    monkeypatch.setattr(source, "_BUFFER", 64)
    monkeypatch.setattr(source, "_AHEAD", 600)
    monkeypatch.setattr(classic, "FEWEST", 2)
    monkeypatch.setattr(sections, "FEWEST", 2)


def swept(path: Path, enough: int, profile: ProfileName, most: int = 100_000) -> Audit | None:
    """The audit of a file in sheets of that size; None: it cannot be screened."""
    lookup = Lookup.of([path])
    assert lookup is not None
    with Sweep([path], WATCHED, lookup, enough=enough, most=most) as sweep:
        if not sweep.screen():
            return None
        parts, judged_by = sweep.parts(()), PROFILES[profile]
        return concluded(str(path), sweep.whole, parts, judged_by, sweep.copies, strict=False, limited=False)


def whole(path: Path, profile: ProfileName) -> Audit:
    """The audit of a file message by message."""
    return audit(short_counted(read_in_order([path]).capture), DEVICES, PROFILES[profile])


@some.composite
def captures(draw: some.DrawFn) -> tuple[bytes, int, ProfileName]:
    """A capture file, how many frames make a sheet of it, and by which profile it is judged."""
    said, link = draw(stories()), draw(some.sampled_from([0, 1, 101]))
    enough, profile = draw(some.sampled_from([1, 2, 7, 40, 1000])), draw(some.sampled_from(list(ProfileName)))
    return pcap(said, link) if link else pcapng(said), enough, profile


def is_told_alike(captured: tuple[bytes, int, ProfileName], path: Path) -> bool:
    """Whether the audit by the column, if there is one, is the audit message by message."""
    octets, enough, profile = captured
    path.write_bytes(octets)
    told = swept(path, enough, profile)
    return told is None or told == whole(path, profile)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(captured=captures())
def test_the_screen_changes_no_word(captured: tuple[bytes, int, ProfileName], tmp_path: Path) -> None:
    """Whatever was captured, in sheets of whatever size, the audit by the column is the audit message by message."""
    assert is_told_alike(captured, tmp_path / "c")


@pytest.mark.slow
@settings(deadline=None, max_examples=3_000, suppress_health_check=list(HealthCheck))
@given(captured=captures())
def test_the_screen_changes_no_word_of_many(captured: tuple[bytes, int, ProfileName], tmp_path: Path) -> None:
    """The same, of so many captures that rare ones are among them."""
    assert is_told_alike(captured, tmp_path / "c")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.pcap")), ids=lambda path: path.stem)
@pytest.mark.parametrize("profile", list(ProfileName))
def test_golden_captures_are_judged_alike(path: Path, profile: ProfileName) -> None:
    """Real captures get the same audit from either end, screened or not."""
    for device in ("10.9.0.1", "10.9.0.2"):
        told, _ = audit_files([path], [device], PROFILES[profile])

        assert told == audit(read(path), [device], PROFILES[profile])


def test_a_crowd_is_judged_alike(tmp_path: Path) -> None:
    """Of many peers at a time, too, the audit is the one message by message; and each offence of theirs is told by its rule."""
    Crowd(6_000, associations=200, peers=60, offending=0.5).write(tmp_path / "c")

    told, _ = audit_files([tmp_path / "c"], DEVICES, STRICT)

    assert told == whole(tmp_path / "c", ProfileName.STRICT)
    assert {each.rule for each in told.findings if each.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)} >= {
        *OFFENCES
    }


# What the screen lets pass, and what it suspects


def honest(rekeyed: bool = True) -> Story:
    """An SA of version 2 and one of version 1, each with all that honest ends say."""
    story = Story()
    first, second = story.sa(0), story.sa(1, peer=1)
    story.opens(first, 0.1)
    for move in (
        Story.asks,
        Story.asks_twice,
        Story.asks_in_fragments,
        Story.probes,
        Story.adds,
        Story.floats,
    ):
        move(story, first, 1.0)
    if rekeyed:
        story.rekeys(first, 1.0)
    story.main_mode(second, 1.0)
    for move in (Story.quick_mode_twice, Story.informs_v1, Story.xauth, Story.floats, Story.data, Story.esp):
        move(story, second, 1.0)
    return story


def suspects(said: list[Said], folder: Path, enough: int = 5) -> set[bytes]:
    """The initiators' SPIs that the screen suspects."""
    (folder / "c").write_bytes(pcap(said, 1))
    lookup = Lookup.of([folder / "c"])
    assert lookup is not None
    with Sweep([folder / "c"], WATCHED, lookup, enough=enough) as sweep:
        assert sweep.screen()
        return {spi.to_bytes(8, "big") for spi in sweep.suspects}


@pytest.mark.parametrize("enough", [1, 2, 3, 5, 8, 1000])
def test_honest_conversations_are_plain(enough: int, tmp_path: Path) -> None:
    """Retransmissions, fragments, liveness of both sides, rekeys and a change of ports are plain, however cut into sheets."""
    assert suspects(honest().said, tmp_path, enough) == set()


def test_an_echo_is_no_answer(tmp_path: Path) -> None:
    """A target of version 1 that sends the peer's own octets back has not answered: that is looked at."""
    story = Story()
    sa = story.sa(0)
    story.main_mode(sa, 1.0)
    story.quick_mode(sa, 10.0)
    story.said[-2] = replace(story.said[-2], data=story.said[-3].data)

    assert suspects(story.said, tmp_path) == {sa.spi_i}


def moves_to_another_address(story: Story, sa: Sa) -> None:
    """The peer goes on from elsewhere."""
    sa.peer = "192.0.2.77"
    story.asks(sa, 1.0)


def sets_the_initiator_flag(story: Story, sa: Sa) -> None:
    """The target answers as if it were the original initiator."""
    story.asks(sa, 1.0)
    story.said[-1] = replace(story.said[-1], data=altered(story.said[-1], 19, 0x08))


def is_of_an_unknown_kind(story: Story, sa: Sa) -> None:
    """An exchange type of private use."""
    story.asks(sa, 1.0, 240)


def starts_a_child(story: Story, sa: Sa) -> None:
    """The target starts a CREATE_CHILD_SA."""
    story.starts_child(sa, 1.0)


def answers_too_often(story: Story, sa: Sa) -> None:
    """One request and two answers."""
    story.asks(sa, 1.0)
    story.said.append(story.said[-1])


def says_something_else_first(story: Story, sa: Sa) -> None:
    """Version 1: the first message of a Quick Mode comes in two wordings before it is answered."""
    story.said.clear()
    story.main_mode(sa, 1.0)
    story.quick_mode(sa, 1.0)
    story.said[-2:-2] = [replace(story.said[-3], data=altered(story.said[-3], 40, 1))]


def leaves_a_number_out(story: Story, sa: Sa) -> None:
    """Message IDs jump."""
    sa.message_id += 1
    story.asks(sa, 1.0)


def repeats_it_otherwise(story: Story, sa: Sa) -> None:
    """The answer to a retransmission is not the same."""
    story.asks_twice(sa, 1.0)
    story.said[-1] = replace(story.said[-1], data=altered(story.said[-1], 40, 1))


def answers_from_another_port(story: Story, sa: Sa) -> None:
    """The answer leaves from elsewhere."""
    story.asks(sa, 1.0)
    story.said[-1] = replace(story.said[-1], ports=(sa.ports[0], sa.ports[1] + 1))


def answers_at_length(story: Story, sa: Sa) -> None:
    """What opens an SA gets an answer many times as long."""
    story.said.clear()
    story.opens(sa, 1.0)
    story.said[1] = replace(story.said[1], data=story.said[1].data + bytes(3 * len(story.said[0].data)))


BREAKS = {
    Fact.ONE_PEER: moves_to_another_address,
    Fact.ROLES: sets_the_initiator_flag,
    Fact.KINDS: is_of_an_unknown_kind,
    Fact.TARGET_ONLY_INFORMS: starts_a_child,
    Fact.ASKED_FIRST: answers_too_often,
    Fact.ANSWERED: says_something_else_first,
    Fact.NUMBERED: leaves_a_number_out,
    Fact.REPEATED_ALIKE: repeats_it_otherwise,
    Fact.NO_MORE_THAN_THRICE: answers_at_length,
    Fact.SAME_WAY: answers_from_another_port,
}


@pytest.mark.parametrize("fact", BREAKS)
def test_a_broken_fact_is_suspected(fact: Fact, tmp_path: Path) -> None:
    """A conversation in which one fact does not hold is looked at message by message; the one beside it is not."""
    story = honest(rekeyed=False)
    BREAKS[fact](story, story.sas[0])

    assert suspects(story.said, tmp_path) == {story.sas[0].spi_i}


@pytest.mark.parametrize("fact", BREAKS)
def test_each_fact_has_its_own_check(fact: Fact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the check of that fact that sees it: without it the conversation would pass."""
    story = honest(rekeyed=False)
    BREAKS[fact](story, story.sas[0])
    monkeypatch.setitem(CHECKS, fact, lambda talks, _octets: np.zeros(len(talks.rows), bool))

    assert suspects(story.said, tmp_path) == set()


@pytest.mark.parametrize("opens", [Story.opens, Story.main_mode, Story.aggressive_mode])
def test_what_began_before_the_capture_is_suspected(
    opens: Callable[[Story, Sa, float], None], tmp_path: Path
) -> None:
    """Without its first message an SA is looked at message by message."""
    story = Story()
    opens(story, story.sa(0), 1.0)

    assert suspects(story.said, tmp_path) == set()
    assert suspects(story.said[1:], tmp_path) == {story.sas[0].spi_i}


def test_what_waits_for_its_answer_at_the_end_is_suspected(tmp_path: Path) -> None:
    """A request without answer is looked at, of either side and of either version."""
    for opens, ask in (
        (Story.opens, Story.asks),
        (Story.opens, Story.probes),
        (Story.main_mode, Story.quick_mode),
    ):
        story = Story()
        opens(story, story.sa(0), 1.0)
        before = len(story.said)
        ask(story, story.sas[0], 1.0)

        assert suspects(story.said[: before + 1], tmp_path) == {story.sas[0].spi_i}


def test_main_mode_out_of_turn_is_suspected(tmp_path: Path) -> None:
    """An old answer said again is none to the next message of Main Mode."""
    story = Story()
    story.main_mode(story.sa(0), 1.0)
    story.said[3] = replace(story.said[1], own_number=True)

    assert suspects(story.said, tmp_path) == {story.sas[0].spi_i}


def test_a_rekeyed_suspect_brings_its_parents(tmp_path: Path) -> None:
    """Where an SA comes from is a matter of others: they are looked at together."""
    story = Story()
    sa = story.sa(0)
    story.opens(sa, 1.0)
    for _ in range(2):
        story.rekeys(sa, 1.0)
    story.unasked(sa, 1.0)

    assert len(suspects(story.said, tmp_path)) == 3


def test_a_suspect_that_changes_its_version_is_judged_by_the_same_context(tmp_path: Path) -> None:
    """A Quick Mode under the SPIs of a suspect renews what its peer made in a plain conversation beside it."""
    story = Story()
    plain, suspect = story.sa(0), story.sa(1)
    story.aggressive_mode(plain, 1.0)
    story.asks(suspect, 1.0)
    story.target_quick_mode(suspect, 1.0)
    (tmp_path / "c").write_bytes(pcap(story.said, 1))

    told = swept(tmp_path / "c", 1, ProfileName.REKEY_OK)

    assert told == whole(tmp_path / "c", ProfileName.REKEY_OK)


def test_every_fact_is_checked() -> None:
    """Each fact has a check, and a way to break it; where an SA comes from, which others tell, is the screen's own."""
    assert CHECKS.keys() == BREAKS.keys() == set(Fact) - {Fact.PEER_OPENS}


def test_every_fact_clears_something() -> None:
    """Each fact is one on which a standing rule relies: more would only cost time."""
    relied_on = {fact for rule in STANDING for fact in rule.cleared_by}

    assert relied_on == set(Fact)


# What is remembered


def flood(number: int) -> list[Said]:
    """Many SAs of one peer, each of which speaks once more at the end."""
    story = Story()
    for which in range(number):
        story.opens(story.sa(which), 1.0)
    for sa in story.sas:
        story.asks(sa, 1.0)
    return story.said


def test_more_sas_than_are_remembered_are_inconclusive(tmp_path: Path) -> None:
    """Beyond the most that may be alive the oldest idle SAs are let go, and a PASS becomes INCONCLUSIVE."""
    (tmp_path / "c").write_bytes(pcap(flood(8), 1))

    assert swept(tmp_path / "c", 4, ProfileName.STRICT, most=8).verdict is Verdict.PASS
    told = swept(tmp_path / "c", 4, ProfileName.STRICT, most=4)
    assert told.verdict is Verdict.INCONCLUSIVE
    assert any("let go" in finding.says for finding in told.findings)


def test_an_offence_outlives_what_was_let_go(tmp_path: Path) -> None:
    """A device that starts an SA fails, however many others were let go."""
    said = flood(8)
    story = Story(said)
    story.target_opens(story.sa(0), 1.0)
    (tmp_path / "c").write_bytes(pcap(story.said, 1))

    assert swept(tmp_path / "c", 4, ProfileName.STRICT, most=4).verdict is Verdict.FAIL


def test_a_packed_file_is_screened_as_what_it_holds(tmp_path: Path) -> None:
    """What is unpacked on its way is looked at again where it was put by."""
    story = honest()
    story.unasked(story.sas[0], 1.0)
    octets = pcap(story.said, 1)
    (tmp_path / "plain").write_bytes(octets)
    (tmp_path / "packed").write_bytes(gzip.compress(octets))

    told = swept(tmp_path / "packed", 5, ProfileName.STRICT)

    assert told is not None
    assert told.verdict is Verdict.FAIL
    assert told.findings == whole(tmp_path / "plain", ProfileName.STRICT).findings


def evidence(path: Path) -> None:
    """A file of the harness's own, whose opening names the target."""
    opening = {"format": 1, "link": "virtual", "target": {"addresses": list(DEVICES)}}
    with Writer(path, opening) as writer:
        for time, packet in packets(honest().said):
            writer.frame(time, packet)
        writer.close({"finished": True})


def test_evidence_is_read_as_a_whole(tmp_path: Path) -> None:
    """Evidence of the harness's own is judged as it stands; whom it is about it says itself."""
    evidence(tmp_path / "own.pcapng")

    for devices in (DEVICES, ()):
        told, _ = audit_files([tmp_path / "own.pcapng"], devices, STRICT)

        assert told == audit(read(tmp_path / "own.pcapng"), DEVICES, STRICT)


@pytest.mark.parametrize("devices", [DEVICES, ()])
def test_a_pipe_is_opened_once(devices: tuple[str, ...], tmp_path: Path) -> None:
    """What comes through a pipe comes once, with the target named or not."""
    evidence(tmp_path / "own.pcapng")
    os.mkfifo(tmp_path / "pipe")
    octets = (tmp_path / "own.pcapng").read_bytes()
    writer = Thread(target=(tmp_path / "pipe").write_bytes, args=(octets,))
    writer.start()

    told, _ = audit_files([tmp_path / "pipe"], devices, STRICT)
    writer.join()

    assert told.findings == audit(read(tmp_path / "own.pcapng"), DEVICES, STRICT).findings


def test_nobody_is_judged_unnamed(tmp_path: Path) -> None:
    """A foreign capture does not say whose device it is about: that is told, with what was read."""
    (tmp_path / "c").write_bytes(pcap(honest().said, 1))

    with pytest.raises(Unnamed) as unnamed:
        audit_files([tmp_path / "c"], (), STRICT)

    assert len(unnamed.value.found.capture.frames) == len(honest().said)


def test_a_full_disk_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be put by, the capture is read as a whole."""

    def full(self: Shelf, sheets: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    (tmp_path / "c").write_bytes(pcap(honest().said, 1))
    monkeypatch.setattr(Shelf, "filled", full)

    told, _ = audit_files([tmp_path / "c"], DEVICES, STRICT)

    assert told == whole(tmp_path / "c", ProfileName.STRICT)
