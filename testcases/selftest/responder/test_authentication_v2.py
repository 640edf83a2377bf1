"""IKE_AUTH by every method, with the peer's own implementation at the other end: what is believed, and what is not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codes import AuthMethod, Exchange, HashAlgorithm, IdType, NotifyType, ProfileName, Trigger
from harness.crypto.authority import LONG_AGO, NOT_YET, Authority, KeyKind
from harness.peer.certified import authority, certified, credentials
from harness.profile import DEFAULT, Configuration, Credentials, Identity, Ppk, User
from harness.responder.state import IkeSa
from harness.sa.v2 import Opened, open_sealed
from harness.wire import Message, Payload, v2
from harness.wire import replace as replace_message
from testcases.selftest.responder.pairing import Pair

SIGNED = certified(DEFAULT)
ANONYMOUS = replace(DEFAULT, local_auth="null", remote_auth="null")
KINDS: tuple[KeyKind, ...] = ("p256", "p384", "p521", "ed25519", "ed448", "rsa")


def up(pair: Pair) -> list[IkeSa]:
    """The responder's IKE SAs that serve."""
    return [sa for sa in pair.responder.all() if isinstance(sa, IkeSa) and sa.up]


def both_up(pair: Pair) -> bool:
    """Whether the two ends believe each other, have the same keys, and a child."""
    sas, theirs = up(pair), pair.peer.ike
    return bool(sas) and theirs.established and sas[-1].keys == theirs.keys and theirs.child is not None


def refused(answer: Message | None) -> bool:
    """Whether an answer to IKE_AUTH is AUTHENTICATION_FAILED, without any AUTH."""
    assert answer is not None
    failed = answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED)
    return failed is not None and v2.Authentication not in answer


def connect(configuration: Configuration, **how: Any) -> Pair:
    """Both ends after the initial exchanges."""
    pair = Pair(configuration)
    pair.play(pair.peer.connect(**how))
    return pair


# --- signatures ----------------------------------------------------------------------------------------------------


def test_ends_prove_themselves_by_certificates() -> None:
    """With certificates of a trusted authority both ends are up, and have the same keys."""
    assert both_up(connect(SIGNED))


@pytest.mark.parametrize("kind", KINDS)
def test_digital_signature_serves_keys_of_every_kind(kind: KeyKind) -> None:
    """Where hash algorithms were exchanged, keys of RSA, ECDSA and EdDSA sign by method 14 (RFC 7427, 8420)."""
    configuration = replace(SIGNED, credentials=credentials(DEFAULT.local_id, kind=kind))
    pair = Pair(configuration)

    answer = pair.play(pair.peer.connect())

    assert answer.find(v2.Authentication).method == AuthMethod.DIGITAL_SIGNATURE
    assert both_up(pair)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("p256", AuthMethod.ECDSA_SHA256_P256),
        ("p384", AuthMethod.ECDSA_SHA384_P384),
        ("p521", AuthMethod.ECDSA_SHA512_P521),
        ("rsa", AuthMethod.RSA_SIGNATURE),
    ],
)
def test_older_method_serves_a_peer_that_names_no_hashes(kind: KeyKind, method: AuthMethod) -> None:
    """Without SIGNATURE_HASH_ALGORITHMS of the peer both ends sign by the method of their key (section 3.8, RFC 4754)."""
    pair = Pair(replace(SIGNED, credentials=credentials(DEFAULT.local_id, kind=kind)))
    pair.play(pair.peer.ike_sa_init(hashes=()))

    answer = pair.play(pair.peer.ike_auth())

    assert answer.find(v2.Authentication).method == method
    assert both_up(pair)


@pytest.mark.parametrize(
    "name",
    [
        Identity("ipv4", "192.0.2.9"),
        Identity("ipv6", "2001:db8::9"),
        Identity("fqdn", "alice.example"),
        Identity("user_fqdn", "alice@example"),
        Identity("dn", "CN=alice,O=Example"),
    ],
    ids=lambda name: name.kind,
)
def test_certificate_proves_identities_of_every_kind(name: Identity) -> None:
    """Addresses, names and mailboxes of subjectAltName, and the subject itself, are identities (RFC 4945 section 3.1)."""
    assert both_up(connect(certified(replace(DEFAULT, remote_id=name))))


def test_key_without_older_method_is_refused_politely() -> None:
    """An Ed25519 key signs nothing for a peer without hash algorithms: AUTHENTICATION_FAILED (RFC 7427 section 5)."""
    pair = Pair(replace(SIGNED, credentials=credentials(DEFAULT.local_id, kind="ed25519")))
    pair.play(pair.peer.ike_sa_init(hashes=()))

    assert refused(pair.play(pair.peer.ike_auth()))


def test_hash_is_one_that_the_peer_named() -> None:
    """A peer that takes SHA2-384 alone is signed to with that, though the curve has 256 bits (RFC 7427 section 4)."""
    pair = Pair(SIGNED)
    pair.play(pair.peer.ike_sa_init(hashes=(HashAlgorithm.SHA2_384,)))

    answer = pair.play(pair.peer.ike_auth())

    ecdsa_with_sha384 = bytes.fromhex("0c300a06082a8648ce3d040303")
    assert answer.find(v2.Authentication).data.startswith(ecdsa_with_sha384)


def test_method_14_without_exchanged_hashes_is_refused() -> None:
    """Digital Signature is for who exchanged hash algorithms (RFC 7427 section 3)."""
    pair = Pair(SIGNED)
    pair.play(pair.peer.ike_sa_init(hashes=()))
    pair.peer.ike.hashes = {HashAlgorithm.SHA2_256}

    assert refused(pair.play(pair.peer.ike_auth()))


def test_certificate_request_names_our_authorities() -> None:
    """IKE_SA_INIT asks for a certificate by SHA-1 of the authority's public key, 20 octets each (section 3.7)."""
    pair = Pair(SIGNED)

    answer = pair.play(pair.peer.ike_sa_init())

    assert [len(request.data) for request in answer.all(v2.CertificateRequest)] == [20]


def test_whole_chain_is_shown_own_certificate_first() -> None:
    """Intermediate authorities are shown after the end's own certificate, and lead to the anchor (section 3.6)."""
    between = Authority("Between", authority())
    ours = credentials(DEFAULT.local_id, by=between)
    chain = (*ours.chain, between.certificate)
    pair = Pair(replace(SIGNED, credentials=replace(ours, chain=chain)))

    answer = pair.play(pair.peer.connect())

    assert tuple(shown.data for shown in answer.all(v2.Certificate)) == chain
    assert both_up(pair)


def _of_alice(**how: Any) -> Credentials:
    return credentials(DEFAULT.mirrored().local_id, **how)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(_of_alice(by=Authority("Somebody Else")), id="of an authority that is not trusted"),
        pytest.param(_of_alice(lifetime=LONG_AGO), id="that has expired"),
        pytest.param(_of_alice(lifetime=NOT_YET), id="that is not valid yet"),
        pytest.param(credentials(Identity("fqdn", "mallory.example")), id="of somebody else"),
        pytest.param(replace(_of_alice(), chain=()), id="that is not shown"),
        pytest.param(replace(_of_alice(), chain=(b"\x30\x03abc",)), id="that is none"),
        pytest.param(replace(_of_alice(), key=_of_alice(kind="ed25519").key), id="of another key"),
    ],
)
def test_certificate_is_not_believed(shown: Credentials) -> None:
    """A signature counts only with a certificate of its key, of the identity given, in time, and from an anchor."""
    pair = Pair(SIGNED)
    pair.play(pair.peer.ike_sa_init())

    assert refused(pair.play(pair.peer.ike_auth(credentials=shown)))
    assert up(pair) == []


def test_shared_key_is_no_signature() -> None:
    """A peer that must sign is not believed by the shared key, which it knows."""
    pair = Pair(SIGNED)
    pair.play(pair.peer.ike_sa_init())

    assert refused(pair.play(pair.peer.ike_auth(proof="psk")))


def test_ends_may_prove_themselves_differently() -> None:
    """One end signs and the other has a shared key (section 2.15)."""
    assert both_up(connect(certified(DEFAULT, local="signature", remote="psk")))


def test_default_configuration_says_nothing_of_signatures() -> None:
    """Where no end signs, neither hash algorithms nor certificates are spoken of."""
    pair = Pair()

    answer = pair.play(pair.peer.ike_sa_init(hashes=(HashAlgorithm.SHA2_256,)))

    assert answer.find(v2.Notify, NotifyType.SIGNATURE_HASH_ALGORITHMS) is None
    assert v2.CertificateRequest not in answer


# --- NULL and shared keys ------------------------------------------------------------------------------------------


def test_ends_that_prove_nothing_are_nobody() -> None:
    """NULL authentication brings both ends up under ID_NULL, which is empty (RFC 7619 sections 2.1 and 2.2)."""
    pair = Pair(ANONYMOUS)

    answer = pair.play(pair.peer.connect())
    who, auth = answer.find(v2.IdResponder), answer.find(v2.Authentication)

    assert (who.id_type, who.data, auth.method) == (IdType.ID_NULL, b"", AuthMethod.NULL)
    assert both_up(pair)


def test_identity_that_is_not_proved_means_nothing() -> None:
    """Under NULL a peer may call itself what it likes, also a name that nobody is configured to have (RFC 7619 section 2.4)."""
    pair = Pair(ANONYMOUS)
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(identity=Identity("fqdn", "anybody.example")))

    assert both_up(pair)


@pytest.mark.parametrize("configuration", [DEFAULT, SIGNED])
def test_null_is_refused_where_proof_is_asked_for(configuration: Configuration) -> None:
    """A peer that must prove itself and does not gets AUTHENTICATION_FAILED (RFC 7619 section 2)."""
    pair = Pair(configuration)
    pair.play(pair.peer.ike_sa_init())

    who = configuration.mirrored().local_id
    assert refused(pair.play(pair.peer.ike_auth(proof="null", identity=who)))


def test_null_needs_a_right_auth() -> None:
    """Method 13 still binds IKE_AUTH to IKE_SA_INIT: an AUTH of other octets is refused (RFC 7619 section 2.1)."""
    pair = Pair(ANONYMOUS)
    pair.play(pair.peer.ike_sa_init())

    def other(message: Message) -> Message:
        wrong = v2.Authentication(AuthMethod.NULL, bytes(32))
        bent = tuple(wrong if isinstance(p, v2.Authentication) else p for p in message.payloads)
        return replace_message(message, payloads=bent)

    assert refused(pair.play(pair.peer.ike_auth(change=other)))


def test_id_null_with_data_is_malformed() -> None:
    """ID_NULL is empty; one with data is INVALID_SYNTAX (RFC 7619 section 2.2)."""
    pair = Pair(ANONYMOUS)
    pair.play(pair.peer.ike_sa_init())

    def named(message: Message) -> Message:
        first = v2.IdInitiator(IdType.ID_NULL, b"somebody")
        return replace_message(message, payloads=(first, *message.payloads[1:]))

    answer = pair.play(pair.peer.ike_auth(change=named, due=True))

    assert answer.find(v2.Notify, NotifyType.INVALID_SYNTAX) is not None


def test_another_authentication_is_refused_politely() -> None:
    """Who announces ANOTHER_AUTH_FOLLOWS, which was not offered, gets AUTHENTICATION_FAILED (RFC 4739 section 3.1)."""
    pair = Pair()
    pair.play(pair.peer.ike_sa_init())
    more = v2.Notify(notify_type=NotifyType.ANOTHER_AUTH_FOLLOWS)

    assert refused(pair.play(pair.peer.ike_auth(more)))


@pytest.mark.parametrize(
    "kind",
    [
        NotifyType.AUTHENTICATION_FAILED,
        NotifyType.INVALID_SYNTAX,
        NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD,
    ],
)
def test_rejection_right_after_ike_auth_ends_the_ike_sa(kind: NotifyType) -> None:
    """An initiator that could not take our response says so in INFORMATIONAL, and the IKE SA is gone (section 2.21.2)."""
    pair = connect(DEFAULT)
    answer = pair.play(pair.peer.informational(v2.Notify(notify_type=kind)))

    assert (answer.payloads, up(pair)) == ((), [])


def test_rejection_later_means_nothing() -> None:
    """Once another request has come, AUTHENTICATION_FAILED ends nothing."""
    pair = connect(DEFAULT)
    pair.play(pair.peer.liveness())
    pair.play(pair.peer.informational(v2.Notify(notify_type=NotifyType.AUTHENTICATION_FAILED)))

    assert len(up(pair)) == 1


# --- INITIAL_CONTACT -----------------------------------------------------------------------------------------------


def test_initial_contact_makes_older_sas_go_silently() -> None:
    """An older IKE SA of the same proved identity is gone with INITIAL_CONTACT, and nobody is told by a Delete (section 2.4)."""
    pair = connect(DEFAULT)
    pair.play(pair.peer.connect(initial_contact=True))

    assert [sa.spi_i for sa in up(pair)] == [pair.peer.ike.spi_i]
    assert pair.started() == []


def test_without_initial_contact_older_sas_stay() -> None:
    """A second IKE SA of a peer lets the first one be."""
    pair = connect(DEFAULT)
    pair.play(pair.peer.connect())

    assert len(up(pair)) == 2


def test_initial_contact_of_a_failed_authentication_means_nothing() -> None:
    """Who does not prove to be the peer takes none of its SAs away."""
    pair = connect(DEFAULT)
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(psk=b"another key", initial_contact=True))

    assert len(up(pair)) == 1


def test_initial_contact_of_another_identity_means_nothing() -> None:
    """A peer of another identity takes no SAs away but its own."""
    pair = connect(replace(DEFAULT, remote_id=None))
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(identity=Identity("fqdn", "another.example"), initial_contact=True))

    assert len(up(pair)) == 2


def test_initial_contact_of_nobody_means_nothing() -> None:
    """Peers that prove nothing can't be told apart, so that INITIAL_CONTACT takes nothing away (RFC 7619 section 2.3)."""
    pair = connect(ANONYMOUS)
    pair.play(pair.peer.connect(initial_contact=True))

    assert len(up(pair)) == 2


def test_rekeyed_sa_goes_with_initial_contact_too() -> None:
    """Who was proved is known of the SA that replaced the one on which it was."""
    pair = connect(DEFAULT)
    pair.play(pair.peer.rekey_ike())
    pair.play(pair.peer.connect(initial_contact=True))

    assert [sa.spi_i for sa in up(pair)] == [pair.peer.ike.spi_i]


# --- a device that starts ------------------------------------------------------------------------------------------


def started_by_device(configuration: Configuration) -> Pair:
    """Both ends after the device, a two-way one, was told to start."""
    pair = Pair(replace(configuration, profile=ProfileName.TWO_WAY))
    pair.provoke(Trigger.BOOT)
    return pair


@pytest.mark.parametrize("configuration", [DEFAULT, SIGNED, ANONYMOUS], ids=["psk", "signature", "null"])
def test_device_starts_by_every_method(configuration: Configuration) -> None:
    """A two-way device proves itself and believes the peer by a shared key, by signatures and by NULL."""
    assert both_up(started_by_device(configuration))


def test_device_sends_initial_contact_with_its_first_sa_alone() -> None:
    """INITIAL_CONTACT is in IKE_AUTH while the device has no other IKE SA with the peer (section 2.4)."""
    pair = started_by_device(DEFAULT)
    first = _asked_first(pair)
    pair.provoke(Trigger.BOOT)

    assert [first, _asked_first(pair)] == [True, False]


def test_device_heeds_initial_contact_of_the_responder() -> None:
    """INITIAL_CONTACT in an IKE_AUTH response makes the device's older IKE SA with that peer go (section 2.4)."""
    pair = started_by_device(DEFAULT)

    def first_contact(message: Message) -> Message:
        told = v2.Notify(notify_type=NotifyType.INITIAL_CONTACT)
        return replace_message(message, payloads=(*message.payloads, told))

    pair.peer.answers_with(change=lambda m: first_contact(m) if m.exchange == Exchange.IKE_AUTH else m)
    pair.provoke(Trigger.BOOT)

    assert [sa.spi_i for sa in up(pair)] == [pair.peer.ike.spi_i]


def _asked_first(pair: Pair) -> bool:
    """Whether the device's last IKE_AUTH request holds INITIAL_CONTACT."""
    request = [m for m in pair.sent if m.exchange == Exchange.IKE_AUTH and not m.is_response][-1]
    keys = pair.peer.ike.keys
    assert keys is not None
    opened = open_sealed(request.encode(), keys, by_initiator=True)
    assert isinstance(opened, Opened)
    return any(getattr(p, "notify_type", 0) == NotifyType.INITIAL_CONTACT for p in opened.payloads)


def test_device_tells_a_peer_that_it_does_not_believe() -> None:
    """A peer whose AUTH fails holds an SA, and is told by AUTHENTICATION_FAILED in INFORMATIONAL (section 2.21.2)."""
    stranger = replace(SIGNED, peer_credentials=_of_alice(by=Authority("Somebody Else")))
    pair = started_by_device(stranger)

    assert pair.started()[-1] == Exchange.INFORMATIONAL
    assert list(pair.responder.all()) == []


def test_device_does_not_start_by_eap() -> None:
    """EAP is for clients: a device whose peers come by EAP starts nothing."""
    pair = started_by_device(replace(certified(DEFAULT, remote="eap"), users=(User("alice", "secret"),)))

    assert pair.started() == []


# --- hostile octets ------------------------------------------------------------------------------------------------

octets = st.binary(max_size=120)
methods = st.sampled_from([*AuthMethod, 0, 255]) | st.integers(0, 255)
payloads = st.one_of(
    st.builds(v2.Authentication, methods, octets),
    st.builds(
        v2.Certificate, st.sampled_from([4, 1, 12]), octets | st.sampled_from(SIGNED.peer_credentials.chain)
    ),
    st.builds(v2.CertificateRequest, st.integers(0, 20), octets),
    st.builds(v2.Eap, octets),
    st.builds(v2.IdInitiator, st.sampled_from(IdType), octets),
    st.builds(
        lambda kind, data: v2.Notify(notify_type=kind, data=data),
        st.sampled_from(
            [
                NotifyType.PPK_IDENTITY,
                NotifyType.NO_PPK_AUTH,
                NotifyType.INITIAL_CONTACT,
                NotifyType.EAP_ONLY_AUTHENTICATION,
                NotifyType.ANOTHER_AUTH_FOLLOWS,
            ]
        ),
        octets,
    ),
)
CONFIGURATIONS = {
    "psk": DEFAULT,
    "signature": SIGNED,
    "eap": replace(certified(DEFAULT, remote="eap"), users=(User("alice", "secret"),)),
    "null": ANONYMOUS,
    "ppk": replace(DEFAULT, ppk=Ppk(b"shared", b"secret", mandatory=False)),
}


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(CONFIGURATIONS)), st.lists(payloads, max_size=6), st.binary(max_size=12))
def test_no_proof_raises(which: str, said: list[Payload], hashes: bytes) -> None:
    """Whatever stands in IKE_AUTH, the answer is a refusal or EAP: nothing raises, and nobody is believed."""
    pair = Pair(CONFIGURATIONS[which])
    pair.play(pair.peer.ike_sa_init(v2.Notify(notify_type=NotifyType.SIGNATURE_HASH_ALGORITHMS, data=hashes)))
    named = pair.peer.configuration.local_id
    first = v2.IdInitiator(named.id_type, named.data)

    answer = pair.play(pair.peer.request(Exchange.IKE_AUTH, first, *said))

    assert answer is not None
    assert up(pair) == []


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(CONFIGURATIONS)), st.lists(payloads, max_size=6), octets)
def test_no_proof_of_the_target_raises(which: str, said: list[Payload], proof: bytes) -> None:
    """Whatever a target answers, the peer takes it as a value and does not believe it."""
    pair = Pair(CONFIGURATIONS[which])
    pair.play(pair.peer.ike_sa_init())
    sa = pair.peer.ike
    sa.own_id = b"\2\0\0\0x"
    answer = Message(sa.spi_i, sa.spi_r, Exchange.IKE_AUTH, 0x20, 1, (v2.IdResponder(1, proof[:4]), *said))

    pair.peer._auth_answered(sa, answer)
    pair.peer._eap_heard(sa, answer)

    assert not sa.established
