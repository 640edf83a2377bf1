"""What a judge may ask a trace: replies by the rules of each version, silence, gaps."""

import pytest

from harness.codes import Exchange, NotifyType, NotifyTypeV1
from harness.observe import Birth, Doubt
from harness.wire import v1, v2

NONE = bytes(8)
INIT, AUTH, CHILD, INFO = (
    Exchange.IKE_SA_INIT,
    Exchange.IKE_AUTH,
    Exchange.CREATE_CHILD_SA,
    Exchange.INFORMATIONAL,
)
PROBE = {"comments": ("mark: probe",)}


def test_a_reply_has_the_frames_of_both(line):
    """`reply_to` finds the response under the request's SPIs, exchange type and Message ID, and names both frames."""
    line.connects()
    asked = line.asks(INFO, 2, PROBE)
    line.starts(INFO, 2)
    answered = line.answers(INFO, 2)

    reply = line.trace().reply_to("probe")

    assert reply.present
    assert reply.frames == (asked, answered)


def test_a_request_of_the_target_is_no_reply(line):
    """The target's own request with the same Message ID is no reply."""
    line.connects()
    line.asks(INFO, 2, PROBE)
    line.starts(INFO, 2)

    assert not line.trace().reply_to("probe").present


def test_a_near_miss_is_told(line):
    """Where a response came under another exchange type, the absence says so."""
    line.connects()
    line.asks(CHILD, 2, PROBE)
    number = line.answers(INFO, 2)

    reply = line.trace().reply_to("probe")

    assert not reply.present
    assert f"frame {number}" in reply.why


def test_of_different_messages_the_last_is_meant(line):
    """One mark on two different messages means the last one; a retransmission is the same message."""
    line.connects()
    line.asks(INFO, 2, PROBE)
    line.answers(INFO, 2)
    line.asks(INFO, 3, PROBE)
    line.asks(INFO, 3, PROBE)
    number = line.answers(INFO, 3)

    reply = line.trace().reply_to("probe")

    assert reply.value.number == number


def test_all_replies_are_found(line):
    """`replies_to` has every answer to every copy, in order."""
    line.connects()
    for _ in range(2):
        line.asks(INFO, 2, PROBE)
        line.answers(INFO, 2)

    assert [each.number for each in line.trace().replies_to("probe").value] == [6, 8]


def test_an_unknown_mark_asks_nothing(line):
    """A mark that no frame has gives absence with that reason."""
    line.connects()

    assert "no frame is marked" in line.trace().reply_to("nowhere").why


def test_silence_in_a_capture_with_gaps_is_doubtful(line):
    """Where the capture lost datagrams, a missing reply may have been among them."""
    line.connects()
    line.asks(INFO, 2, PROBE)
    line.drops = 3

    assert line.trace().reply_to("probe").doubt is Doubt.NOT_CAPTURED


def test_main_mode_turns(line):
    """In version 1 the reply to a message of Main Mode is the target's next new message, no repetition of an old one."""
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),))
    line.v1(2, b"", by_target=True, clear=(v1.SecurityAssociation(),))
    line.v1(2, b"", clear=(v1.Nonce(b"i" * 16),), **PROBE)
    line.v1(2, b"", by_target=True, clear=(v1.SecurityAssociation(),))
    number = line.v1(2, b"", by_target=True, clear=(v1.Nonce(b"r" * 16),))

    assert line.trace().reply_to("probe").value.number == number


def test_a_repeated_request_of_version_1_gets_the_repeated_reply(line):
    """A mark on the second copy alone finds the answer that came after that copy."""
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),))
    line.v1(2, b"", by_target=True, clear=(v1.SecurityAssociation(),))
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),), **PROBE)
    number = line.v1(2, b"", by_target=True, clear=(v1.SecurityAssociation(),))

    assert line.trace().reply_to("probe").value.number == number


def test_a_refusal_is_a_reply_in_version_1(line):
    """An Informational of the target answers what came before it, when the exchange itself goes no further."""
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),), **PROBE)
    refusal = v1.Notify(notify_type=NotifyTypeV1.NO_PROPOSAL_CHOSEN)
    line.v1(5, b"", by_target=True, cookies=(b"initiat1", NONE), clear=(refusal,), message_id=3)

    assert line.trace().reply_to("probe").find(v1.Notify, NotifyTypeV1.NO_PROPOSAL_CHOSEN).present


def test_a_later_message_takes_the_turn(line):
    """What the target says after the peer's next message is no reply to the one before."""
    line.main_mode()
    line.v1(32, b"QM1", message_id=7, **PROBE)
    line.v1(5, b"liveness", message_id=8)
    line.v1(5, b"answer", by_target=True, message_id=9)

    assert not line.trace().reply_to("probe").present


def test_a_second_exchange_between_does_not_take_the_turn(line):
    """Two Quick Modes at once are answered by Message ID, in any order."""
    line.main_mode()
    line.v1(32, b"QM1 a", message_id=7, **PROBE)
    line.v1(32, b"QM1 b", message_id=8)
    line.v1(32, b"QM2 b", by_target=True, message_id=8)
    number = line.v1(32, b"QM2 a", by_target=True, message_id=7)

    assert line.trace().reply_to("probe").value.number == number


def test_what_was_sent_after_a_mark(line):
    """`sent_after` has all that the target sent behind the last marked frame."""
    line.connects()
    line.asks(INFO, 2, PROBE)
    number = line.answers(INFO, 2)
    line.asks(INFO, 3)

    assert [each.number for each in line.trace().sent_after("probe").value] == [number]


def test_requests_of_the_target(line):
    """`from_target` sorts by exchange type and by direction."""
    line.connects()
    number = line.starts(INFO, 0)
    line.asks(INFO, 2)
    line.answers(INFO, 2)

    trace = line.trace()

    assert [each.number for each in trace.from_target(INFO, requests_only=True).value] == [number]
    assert len(trace.from_target(INFO)) == 2
    assert not trace.from_target(CHILD).present


def test_observations_are_told_by_kind(line):
    """What was seen off the wire is found by its name, with its outcome."""
    line.connects()
    line.closing["observations"] = [
        {"t": 1.0, "what": "provoke", "value": {"trigger": "boot", "outcome": "done"}},
        {"t": 2.0, "what": "memory", "value": 17},
    ]

    found = line.trace().observations("memory")

    assert found[0].outcome.value == 17


def test_an_sa_knows_its_birth(line):
    """An SA of IKE_SA_INIT is its sender's; one that nobody saw made is nobody's."""
    line.connects()
    line.asks(INFO, 5, spi_i=b"initiat7", spi_r=b"respond7")

    first, second = line.trace().associations

    assert (first.birth, first.by_target) == (Birth.INITIAL, False)
    assert (second.birth, second.by_target) == (Birth.UNSEEN, None)


def test_zero_counters_mean_gap_free(line):
    """The harness's own evidence with drop counters at zero is gap-free."""
    line.connects()

    assert line.trace().gap_free is True


def test_a_file_without_counters_cannot_tell(foreign):
    """A foreign capture without holes has gap_free null."""
    foreign.connects()

    assert foreign.trace().gap_free is None


def test_a_jump_of_message_ids_is_a_gap(foreign):
    """A request of the target that is missing between two others may have been anything."""
    foreign.connects()
    foreign.starts(INFO, 0)
    foreign.starts(INFO, 2)

    trace = foreign.trace()

    assert trace.gap_free is False
    assert "request 1 of the target" in trace.gaps[0]


def test_a_missing_first_request_is_a_gap(foreign):
    """Message IDs of a side count from 0."""
    foreign.connects()
    foreign.starts(INFO, 1)

    assert foreign.trace().gap_free is False


def test_an_answer_to_an_unseen_request_of_the_target_is_a_gap(foreign):
    """A peer that answers what was not captured shows that a request of the target is missing."""
    foreign.connects()
    foreign.obeys(INFO, 0)

    assert foreign.trace().gap_free is False


def test_an_sa_from_before_the_capture_is_a_gap(foreign):
    """Sealed messages of the target on an SA that nobody saw made."""
    foreign.asks(INFO, 7)
    foreign.answers(INFO, 7)

    assert "began before the capture" in foreign.trace().gaps[0]


def test_probes_of_unknown_spis_are_no_gap(foreign):
    """A probe under SPIs that never existed, and the unprotected refusal of it, show no missing SA."""
    foreign.connects()
    foreign.asks(INFO, 7, spi_i=b"nobodys1", spi_r=b"nobodys2")
    refusal = (v2.Notify(notify_type=NotifyType.INVALID_IKE_SPI),)
    foreign.answers(INFO, 7, spi_i=b"nobodys1", spi_r=b"nobodys2", payloads=refusal)

    assert foreign.trace().gap_free is None


def test_holes_do_not_matter_where_counters_are_zero(line):
    """A peer of the harness may jump Message IDs on purpose: zero counters say that nothing was lost."""
    line.connects()
    line.asks(INFO, 9)

    assert line.trace().gap_free is True


@pytest.mark.parametrize("question", ["marked", "reply_to", "replies_to", "outcome_of", "sent_after"])
def test_a_mark_that_never_arrived_is_doubted(line, question):
    """Where no frame has the mark, whatever is asked of it is absent with the doubt that nothing was asked."""
    line.connects()

    assert getattr(line.trace(), question)("probe").doubt is Doubt.NOT_ASKED


def test_silence_after_a_mark_is_certain(line):
    """A request that reached the target and got no answer leaves no doubt."""
    line.connects()
    line.asks(INFO, 2, PROBE)

    assert line.trace().reply_to("probe").doubt is None
    assert line.trace().replies_to("probe").doubt is None


def _first(line, word, data, **change):
    payloads = (v2.Notify(notify_type=NotifyType.COOKIE, data=data),) if data else (v2.Nonce(bytes(32)),)
    return line.asks(INIT, 0, {"comments": (f"mark: {word}",)}, spi_r=NONE, payloads=payloads, **change)


def test_the_outcome_of_a_step_is_what_followed_the_cookie(line):
    """`outcome_of` looks past the demand for a cookie, also when a slow target demands it twice."""
    demand = {"spi_r": NONE, "payloads": (v2.Notify(notify_type=NotifyType.COOKIE, data=b"c"),)}
    _first(line, "init", b"")
    line.answers(INIT, 0, **demand)
    _first(line, "init/cookie", b"c")
    line.answers(INIT, 0, **demand)
    number = line.answers(INIT, 0)

    assert line.trace().outcome_of("init").value.number == number


def test_a_late_copy_is_not_the_newest_message(line):
    """A copy of the first message that comes after its successor does not make the step end with it."""
    _first(line, "init", b"")
    _first(line, "init/cookie", b"c")
    number = line.answers(INIT, 0)
    _first(line, "init", b"")

    assert line.trace().outcome_of("init").value.number == number


def test_a_payload_is_found_among_several_messages(line):
    """`among` finds the first payload of a class in any of several answers, with the frames of that answer."""
    _first(line, "init", b"")
    line.answers(INIT, 0)
    notify = v2.Notify(notify_type=NotifyType.NO_PROPOSAL_CHOSEN)
    number = line.answers(INIT, 0, payloads=(notify,))

    found = line.trace().replies_to("init").among(v2.Notify, NotifyType.NO_PROPOSAL_CHOSEN)

    assert (found.value, found.frames) == (notify, (number,))


def test_nothing_among_several_messages_is_absent(line):
    """What none of the answers has is absent without doubt."""
    _first(line, "init", b"")
    line.answers(INIT, 0)

    found = line.trace().replies_to("init").among(v2.Notify)

    assert not found.present
    assert found.doubt is None
