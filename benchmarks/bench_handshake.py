"""How many full handshakes a second both our ends make, beside the bare primitive calls that the same work takes."""

import hashlib
import hmac
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import dh
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.bench_codec import Row, Timer, _median, _rate
from harness.clock import ProcessorClock, SeededEntropy
from harness.codes import Group
from harness.crypto.key_exchange import modp_prime
from harness.peer import Initiator, Request, Send
from harness.profile import DEFAULT, Configuration
from harness.responder import Responder
from harness.wire.datagram import Endpoint

TARGET, TARGET_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
SERVED = 256
"""How many handshakes a responder has before another takes its place, so that memory stays small."""
PEER, PEER_NATT = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500)


def _handshake(configuration: Configuration, steps: Callable[[Initiator], Any]) -> Callable[[], None]:
    """A handshake of a fresh peer and a responder that serves many, in one process, without a link between them."""
    entropy, seen_from_the_peer = SeededEntropy(1), configuration.mirrored()
    served = SERVED
    responder = Responder(configuration, entropy, local=TARGET, peer=PEER)

    def once() -> None:
        nonlocal responder, served
        if not served:
            responder, served = Responder(configuration, entropy, local=TARGET, peer=PEER), SERVED
        served -= 1
        peer = Initiator("alice", seen_from_the_peer, entropy, PEER, PEER_NATT, TARGET, TARGET_NATT)
        script, result = steps(peer), None
        while True:
            try:
                action = script.send(result)
            except StopIteration:
                break
            result = carry(responder, peer, action)
        assert peer.ike.established or peer.isakmp.established

    return once


def carry(responder: Responder, peer: Initiator, action: Any, now: float = 0.0) -> Any:
    """Carry one action to the responder and its answers back; the answer that the action waits for."""
    if not isinstance(action, Request | Send):
        return None
    answer = None
    for datagram in responder.receive(action.datagram, now).send:
        received = peer.receive(datagram, now)
        if isinstance(action, Request) and received.message and action.answered_by(received.message):
            answer = received.message
    return answer


def _connect(peer: Initiator) -> Any:
    yield from peer.connect()


def _main_and_quick(peer: Initiator) -> Any:
    yield from peer.main_mode()
    yield from peer.quick_mode()


def _bare_x25519() -> None:
    """Both ends' keys and secrets with X25519."""
    a, b = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    public_a = a.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public_b = b.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    a.exchange(X25519PublicKey.from_public_bytes(public_b))
    b.exchange(X25519PublicKey.from_public_bytes(public_a))


def _bare_modp() -> Callable[[], None]:
    """Both ends' keys and secrets with the 2048-bit MODP group, by the library's finite-field Diffie-Hellman."""
    prime = modp_prime(Group.MODP_2048)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library means to give finite-field Diffie-Hellman up
        parameters = dh.DHParameterNumbers(prime, 2).parameters()

    def once() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a, b = parameters.generate_private_key(), parameters.generate_private_key()
            a.exchange(b.public_key())
            b.exchange(a.public_key())

    return once


def _bare_prf(calls: int) -> None:
    key, data = bytes(32), bytes(160)
    for _ in range(calls):
        hmac.digest(key, data, hashlib.sha256)


def _bare_gcm(messages: int) -> None:
    """Each message sealed at one end and opened at the other."""
    for _ in range(messages):
        nonce = os.urandom(12)
        sealed = AESGCM(bytes(32)).encrypt(nonce, bytes(220), bytes(32))
        AESGCM(bytes(32)).decrypt(nonce, sealed, bytes(32))


def _bare_cbc(messages: int, *, with_integrity: bool) -> None:
    """Each message encrypted at one end and decrypted at the other, with an HMAC at each where wanted."""
    for _ in range(messages):
        cipher = Cipher(algorithms.AES(bytes(16)), modes.CBC(os.urandom(16)))
        encryptor, decryptor = cipher.encryptor(), cipher.decryptor()
        sealed = encryptor.update(bytes(224)) + encryptor.finalize()
        decryptor.update(sealed)
        decryptor.finalize()
        if with_integrity:
            _bare_prf(2)


# What a handshake takes, both ends counted. IKEv2: SKEYSEED 1, prf+ 7 blocks, AUTH 3 made and 3 checked, the
# first child's keys 3, at each end. IKEv1: SKEYID and its three, two HASHes, three of Quick Mode, its keys 4.
IKEV2_PRF_CALLS = 2 * (1 + 7 + 6 + 3)
IKEV1_PRF_CALLS = 2 * (4 + 2 + 3 + 4)


def handshake_ratio(timer: Timer | None = None, *, seconds: float = 0.5, pairs: int = 5) -> list[Row]:
    """Per kind of handshake its name, ours a second, the bare primitives' (medians of alternating pairs), the ratio."""
    clock = timer or ProcessorClock().now
    by_group = {suite.group: replace(DEFAULT, proposals_v2=(suite,)) for suite in DEFAULT.proposals_v2}
    version_1 = replace(DEFAULT, proposals_v1=DEFAULT.proposals_v1[:1])
    modp = _bare_modp()

    def bare_31() -> None:
        _bare_x25519()
        _bare_prf(IKEV2_PRF_CALLS)
        _bare_gcm(2)

    def bare_14() -> None:
        modp()
        _bare_prf(IKEV2_PRF_CALLS)
        _bare_cbc(2, with_integrity=True)

    def bare_v1() -> None:
        modp()
        _bare_prf(IKEV1_PRF_CALLS)
        _bare_cbc(5, with_integrity=False)

    tasks = (
        ("IKEv2 handshake, group 31", _handshake(by_group[Group.CURVE25519], _connect), bare_31),
        ("IKEv2 handshake, group 14", _handshake(by_group[Group.MODP_2048], _connect), bare_14),
        ("IKEv1 main and quick mode, group 14", _handshake(version_1, _main_and_quick), bare_v1),
    )
    rows = []
    for name, ours, bare in tasks:
        ours()  # tables of powers are made once
        rates = [(_rate(ours, clock, seconds), _rate(bare, clock, seconds)) for _ in range(pairs)]
        rows.append(
            (
                name,
                _median([a for a, _ in rates]),
                _median([b for _, b in rates]),
                _median([a / b for a, b in rates]),
            )
        )
    return rows
