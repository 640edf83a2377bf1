"""INV-10 and SAs that extensions of gateways end without a word, beside what looks alike and ends nothing."""

from typing import Any

import pytest

from harness.codes import Exchange, NotifyType, Protocol
from harness.record import Verdict
from harness.wire import v2
from harness.wire.v2.notify_data import TicketWithLifetime
from testcases.selftest.oracle.conftest import NONE, SPI_I, Line

INFO, AUTH, RESUME = Exchange.INFORMATIONAL, Exchange.IKE_AUTH, Exchange.IKE_SESSION_RESUME
COOKIE, TICKET, TOKEN = b"a cookie", b"a ticket of the gateway", b"what the peer will show"
OTHER = b"something else"
LATER = b"initiat2", b"respond2"


def notify(kind: NotifyType, data: bytes = b"", protocol: int = Protocol.NONE) -> v2.Notify:
    """A notify about an IKE SA."""
    return v2.Notify(protocol, kind, b"", data)


def token(data: bytes) -> v2.Notify:
    """QCD_TOKEN."""
    return notify(NotifyType.QUICK_CRASH_DETECTION, data, Protocol.IKE)


def then_silence(line: Line, check: Any) -> list[Verdict]:
    """The verdicts when what the peer asks now is due and stays without an answer."""
    line.asks(INFO, 2, {"comments": ("due",)})
    line.asks(
        Exchange.IKE_SA_INIT,
        0,
        {"comments": ("mark: control",), "after": 10.0},
        spi_i=b"stranger",
        spi_r=NONE,
    )
    return [finding.verdict for finding in check("INV-10", line)]


@pytest.mark.parametrize(("shown", "verdict"), [(TOKEN, Verdict.NOT_APPLICABLE), (OTHER, Verdict.FAIL)])
def test_the_token_that_a_peer_gave_ends_its_sa(
    line: Line, check: Any, shown: bytes, verdict: Verdict
) -> None:
    """RFC 6290 section 4.5: after the right token, in clear, silence is right; after another one it is a fault."""
    line.connects_openly(asked=(token(TOKEN),))
    line.starts(INFO, 0)
    line.obeys(INFO, 0, payloads=(notify(NotifyType.INVALID_IKE_SPI), token(shown)))

    assert then_silence(line, check) == [verdict]


@pytest.mark.parametrize(("proves", "verdict"), [(True, Verdict.NOT_APPLICABLE), (False, Verdict.FAIL)])
def test_a_session_that_was_resumed_is_over(
    line: Line, check: Any, *, proves: bool, verdict: Verdict
) -> None:
    """RFC 5723 section 4.3.4: the old SA goes when the resumed one is made, and not before."""
    given = TicketWithLifetime(3600, TICKET).encode()
    line.connects_openly(told=(notify(NotifyType.TICKET_LT_OPAQUE, given),))
    shown = (v2.Nonce(bytes(32)), notify(NotifyType.TICKET_OPAQUE, TICKET))
    line.asks(RESUME, spi_i=LATER[0], spi_r=NONE, payloads=shown)
    line.answers(RESUME, spi_i=LATER[0], spi_r=LATER[1], payloads=(v2.Nonce(bytes(32)),))
    line.says(AUTH, 1, by_target=False, flags=0x08, spis=LATER)
    answer = v2.Authentication(2, bytes(32)) if proves else notify(NotifyType.AUTHENTICATION_FAILED)
    line.says(AUTH, 1, answer, by_target=True, flags=0x20, spis=LATER)

    assert then_silence(line, check) == [verdict]


@pytest.mark.parametrize(("returned", "verdict"), [(OTHER, Verdict.NOT_APPLICABLE), (COOKIE, Verdict.FAIL)])
def test_a_cookie_that_comes_back_altered_ends_the_sa(
    line: Line, check: Any, returned: bytes, verdict: Verdict
) -> None:
    """RFC 4555 section 3.7: the IKE SA is closed when COOKIE2 differs, and serves when it is the same."""
    line.connects_openly()
    line.says(INFO, 0, notify(NotifyType.COOKIE2, COOKIE), by_target=True, flags=0x00)
    line.says(INFO, 0, notify(NotifyType.COOKIE2, returned), by_target=False, flags=0x28)

    assert then_silence(line, check) == [verdict]


def test_a_ticket_of_somebody_else_ends_nothing(line: Line, check: Any) -> None:
    """Only the SA that a ticket was given for is over when it is used."""
    line.connects_openly()
    shown = (v2.Nonce(bytes(32)), notify(NotifyType.TICKET_OPAQUE, TICKET))
    line.asks(RESUME, spi_i=LATER[0], spi_r=NONE, payloads=shown)
    line.says(AUTH, 1, v2.Authentication(2, bytes(32)), by_target=True, flags=0x20, spis=LATER)

    assert SPI_I not in LATER
    assert then_silence(line, check) == [Verdict.FAIL]
