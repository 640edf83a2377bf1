"""RFC 8784: post-quantum preshared keys, with the peer's own implementation at the other end."""

import hashlib
import hmac
from dataclasses import replace
from typing import Any

import pytest

from harness.codes import Exchange, NotifyType, ProfileName, Trigger
from harness.peer.certified import certified
from harness.profile import DEFAULT, Configuration, Ppk, User
from harness.responder.state import IkeSa
from harness.sa.v2 import Keys, Suite, with_ppk
from harness.wire import Message, v2
from testcases.selftest.responder.pairing import Pair

MANDATORY = Ppk(b"shared", b"a key that no quantum computer finds")
OPTIONAL = replace(MANDATORY, mandatory=False)
OTHER = Ppk(b"other", b"another key")
ANONYMOUS = replace(DEFAULT, local_auth="null", remote_auth="null")
SUITE = Suite(12, 256, 12, 5, 19)
PLAIN = Keys(
    SUITE, b"i" * 8, b"r" * 8, b"d" * 32, b"a" * 32, b"b" * 32, b"e" * 32, b"f" * 32, b"p" * 32, b"q" * 32
)


def pair_of(ours: Ppk | None, theirs: Ppk | None, configuration: Configuration = DEFAULT) -> Pair:
    """A responder and a peer with these keys."""
    pair = Pair(replace(configuration, ppk=ours))
    pair.peer.configuration = replace(pair.peer.configuration, ppk=theirs)
    return pair


def sas(pair: Pair) -> list[IkeSa]:
    """The responder's IKE SAs that serve."""
    return [sa for sa in pair.responder.all() if isinstance(sa, IkeSa) and sa.up]


def test_keys_follow_the_formula() -> None:
    """SK_d, SK_pi and SK_pr are prf(PPK, SK' | 0x01), computed here anew; the others stay (RFC 8784 section 3)."""
    mixed = with_ppk(PLAIN, b"ppk")

    def once(key: bytes) -> bytes:
        return hmac.new(b"ppk", key + b"\1", hashlib.sha256).digest()

    assert (mixed.sk_d, mixed.sk_pi, mixed.sk_pr) == (once(b"d" * 32), once(b"p" * 32), once(b"q" * 32))
    assert replace(mixed, sk_d=PLAIN.sk_d, sk_pi=PLAIN.sk_pi, sk_pr=PLAIN.sk_pr) == PLAIN


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        pytest.param(None, None, "without", id="neither has one"),
        pytest.param(OPTIONAL, None, "without", id="the initiator has none, optional"),
        pytest.param(MANDATORY, None, "refused", id="the initiator has none, mandatory"),
        pytest.param(OTHER, MANDATORY, "refused", id="unknown, and the initiator insists"),
        pytest.param(OTHER, OPTIONAL, "refused", id="unknown, and the responder insists"),
        pytest.param(replace(OTHER, mandatory=False), OPTIONAL, "without", id="unknown to an easy responder"),
        pytest.param(MANDATORY, MANDATORY, "with", id="both have it"),
        pytest.param(OPTIONAL, OPTIONAL, "with", id="both have it, optional"),
    ],
)
def test_table_1(ours: Ppk | None, theirs: Ppk | None, outcome: str) -> None:
    """What comes of each row of RFC 8784's Table 1: a standard SA, one with the key, or AUTHENTICATION_FAILED."""
    pair = pair_of(ours, theirs)
    answer = pair.play(pair.peer.connect())

    assert how(pair, answer) == outcome
    assert bool(sas(pair)) == pair.peer.ike.established == (outcome != "refused")


def how(pair: Pair, answer: Message) -> str:
    """Whether the answer refuses, or has the key in use or not."""
    if answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED) is not None:
        return "refused"
    return "without" if answer.find(v2.Notify, NotifyType.PPK_IDENTITY) is None else "with"


def test_child_and_ike_keys_are_those_of_the_mixed_sk_d() -> None:
    """Both ends derive the child from SK_d with the key in it, and have the same SK_p."""
    pair = pair_of(MANDATORY, MANDATORY)
    pair.play(pair.peer.connect())
    (sa,) = sas(pair)

    assert sa.keys == pair.peer.ike.keys
    assert sa.children[0].keys == pair.peer.ike.children[0].keys


def test_wrong_key_under_the_right_name_is_refused() -> None:
    """A peer that has another key under the same identifier can't prove itself."""
    pair = pair_of(MANDATORY, replace(MANDATORY, secret=b"not that key"))

    assert how(pair, pair.play(pair.peer.connect())) == "refused"


def test_ppk_identity_must_come() -> None:
    """After USE_PPK of both ends an IKE_AUTH without PPK_IDENTITY is refused, whatever its AUTH (RFC 8784 section 3)."""
    pair = pair_of(OPTIONAL, OPTIONAL)
    pair.play(pair.peer.ike_sa_init())
    pair.peer.ike.uses_ppk = False

    assert how(pair, pair.play(pair.peer.ike_auth())) == "refused"


def test_key_is_not_mixed_in_again_at_a_rekey() -> None:
    """A rekeyed IKE SA comes from the mixed SK_d alone; both ends still agree (RFC 8784 section 3)."""
    pair = pair_of(MANDATORY, MANDATORY)
    pair.play(pair.peer.connect())
    pair.play(pair.peer.rekey_ike())

    assert sas(pair)[-1].keys == pair.peer.ike.keys


@pytest.mark.parametrize("methods", [("md5",), ("mschapv2",)])
def test_key_joins_after_eap(methods: Any) -> None:
    """With EAP the first AUTH is without the key, and the last two are with it (RFC 8784 section 3)."""
    by_eap = replace(
        certified(DEFAULT, remote="eap"), users=(User("alice", "correct horse"),), eap_methods=methods
    )
    pair = pair_of(MANDATORY, MANDATORY, by_eap)
    answer = pair.play(pair.peer.connect())

    assert how(pair, answer) == "with"
    assert sas(pair)[0].keys == pair.peer.ike.keys


def test_signatures_cover_the_mixed_keys() -> None:
    """Certificates and the post-quantum key go together."""
    pair = pair_of(OPTIONAL, OPTIONAL, certified(DEFAULT))

    assert how(pair, pair.play(pair.peer.connect())) == "with"
    assert sas(pair)[0].keys == pair.peer.ike.keys


def test_key_proves_identities_where_nothing_else_does() -> None:
    """Under NULL the key is the proof, of identities that are shown and looked at (RFC 8784 section 5.2.3)."""
    pair = pair_of(OPTIONAL, OPTIONAL, ANONYMOUS)
    answer = pair.play(pair.peer.connect())
    (sa,) = sas(pair)

    assert how(pair, answer) == "with"
    assert answer.find(v2.IdResponder).data == DEFAULT.local_id.data
    assert sa.session.proved == sa.peer_id


def test_key_is_mandatory_where_nothing_else_proves_anything() -> None:
    """Under NULL an unknown key is refused even where both ends call it optional (RFC 8784 section 5.2.3)."""
    pair = pair_of(replace(OTHER, mandatory=False), OPTIONAL, ANONYMOUS)

    assert how(pair, pair.play(pair.peer.connect())) == "refused"


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        pytest.param(MANDATORY, MANDATORY, True, id="both have it"),
        pytest.param(OPTIONAL, None, True, id="the peer has none, optional"),
        pytest.param(MANDATORY, None, False, id="the peer has none, mandatory"),
        pytest.param(OPTIONAL, replace(OTHER, mandatory=False), True, id="unknown to the peer, optional"),
        pytest.param(MANDATORY, replace(OTHER, mandatory=False), False, id="unknown to the peer, mandatory"),
    ],
)
def test_device_starts_with_a_key(ours: Ppk | None, theirs: Ppk | None, outcome: bool) -> None:
    """A two-way device uses its key where the peer has it, and goes on without it only where it is optional."""
    pair = pair_of(ours, theirs, replace(DEFAULT, profile=ProfileName.TWO_WAY))
    pair.provoke(Trigger.BOOT)

    assert bool(sas(pair)) == outcome
    assert all(sa.keys == pair.peer.ike.keys for sa in sas(pair))


def test_device_aborts_before_auth_where_the_peer_has_no_key() -> None:
    """Without USE_PPK in the response a device that must use its key sends no IKE_AUTH (RFC 8784 section 3)."""
    pair = pair_of(MANDATORY, None, replace(DEFAULT, profile=ProfileName.TWO_WAY))
    pair.provoke(Trigger.BOOT)

    assert pair.started() == [Exchange.IKE_SA_INIT]
