"""RFC 2409 section 5: by what the peer proves itself in phase 1, and what it believes of the target."""

from harness.codes import CertEncoding
from harness.crypto import UnsupportedAlgorithm
from harness.crypto.certificate import (
    Certificate,
    certification_path,
    identity_objection,
    read_certificate,
)
from harness.crypto.scheme import load_private_key
from harness.crypto.signature import sig, sig_objection
from harness.peer.end import End
from harness.peer.v1.sa import IsakmpSa
from harness.profile import Credentials
from harness.sa.methods import METHODS, Proof
from harness.sa.v1 import Secrets, hash_i, hash_r, psk_secrets, signature_secrets
from harness.wire import Message, Payload, v1

UNHASHED = v1.Hash(b"")
"""Stands where a HASH belongs; the right value goes in when the message is finished."""
_NOTHING = Credentials()


def signs(sa: IsakmpSa) -> bool:
    """Whether the ends of this SA prove themselves by signatures."""
    method = None if sa.suite is None else METHODS.get(sa.suite.auth)
    return method is not None and method.proof is Proof.SIGNATURE


def _before(sa: IsakmpSa) -> tuple[Message, ...]:
    """The messages of phase 1 so far: certificates come in any of them (RFC 2408 section 3.9)."""
    return tuple(sa.dialogues[0].heard.values())


class ProvesV1(End):
    """How this end proves itself, and whom it believes."""

    heard_at: float | None
    """When the last datagram came, in seconds since 1970: certificates are valid for a time."""

    def secrets_of(self, sa: IsakmpSa, shared: bytes) -> Secrets:
        """The secrets of an SA whose ends have exchanged keys and nonces. Raises UnsupportedAlgorithm."""
        assert sa.suite is not None
        exchanged = (sa.ni, sa.nr, shared, sa.cky_i, sa.cky_r, sa.public_i, sa.public_r)
        if signs(sa):
            return signature_secrets(sa.suite, *exchanged)
        return psk_secrets(sa.suite, self.configuration.psk, *exchanged)

    def proof(self, sa: IsakmpSa, id_body: bytes, initiator: bool) -> bytes:
        """HASH_I or HASH_R of `sa` under this identity, by the hash that a signature method is tied to (section 5.1)."""
        assert sa.secrets is not None
        function = hash_i if initiator else hash_r
        method = METHODS.get(sa.secrets.suite.auth)
        tied = None if method is None else method.hash
        return function(sa.secrets, sa.public_i, sa.public_r, sa.sai, id_body, tied)

    def shown(self, sa: IsakmpSa, id_body: bytes, initiator: bool) -> tuple[Payload, ...]:
        """What proves this end: a HASH to be filled in, or certificates and a signature; nothing without a fitting key."""
        if not signs(sa):
            return (UNHASHED,)
        assert sa.suite is not None
        ours = self.configuration.credentials or _NOTHING
        try:
            signature = sig(sa.suite.auth, load_private_key(ours.key), self.proof(sa, id_body, initiator))
        except (ValueError, UnsupportedAlgorithm):
            return ()
        chain = (v1.Certificate(CertEncoding.X509_SIGNATURE, der) for der in ours.chain)
        return (*chain, v1.Signature(signature))

    def certificates_wanted(self, sa: IsakmpSa) -> tuple[Payload, ...]:
        """A Certificate Request for each authority that this end trusts, where the target has to sign."""
        if not signs(sa):
            return ()
        return tuple(
            v1.CertificateRequest(CertEncoding.X509_SIGNATURE, each.subject) for each in self._anchors()
        )

    def _anchors(self) -> tuple[Certificate, ...]:
        trusted = (self.configuration.credentials or _NOTHING).anchors
        return tuple(each for each in map(read_certificate, trusted) if isinstance(each, Certificate))

    def proven(self, sa: IsakmpSa, message: Message, *, initiator: bool) -> str | None:
        """Why the other end did not prove who it is, or None when it did."""
        who = message.find(v1.Identification)
        if who is None:
            return "ID is missing"
        why = self.unproved(sa, message, who.body, initiator=initiator)
        if why is not None:
            return why
        wanted = self.configuration.remote_id
        if wanted is not None and (who.id_type, who.data) != (wanted.id_type, wanted.data):
            sa.why = "the target is somebody else"
            return sa.why
        return None

    def unproved(self, sa: IsakmpSa, message: Message, id_body: bytes, *, initiator: bool) -> str | None:
        """Why a message does not prove this identity of the other end, or None when it does."""
        if signs(sa):
            return self._unsigned(sa, message, id_body, initiator=initiator)
        proof = message.find(v1.Hash)
        if proof is None:
            return "HASH is missing"
        return None if proof.data == self.proof(sa, id_body, initiator) else "the HASH is wrong"

    def _unsigned(self, sa: IsakmpSa, message: Message, id_body: bytes, *, initiator: bool) -> str | None:
        signature = message.find(v1.Signature)
        shown = [each for came in (message, *_before(sa)) for each in came.all(v1.Certificate)]
        if signature is None or not shown or sa.suite is None:
            return "CERT or SIG is missing"
        end, *others = (read_certificate(each.data) for each in shown)
        if isinstance(end, str):
            return end
        read = [each for each in others if isinstance(each, Certificate)]
        path = certification_path(end, read, self._anchors(), self.heard_at or 0.0)
        if isinstance(path, str):
            return path
        octets = self.proof(sa, id_body, initiator)
        return identity_objection(end, id_body[0], id_body[4:]) or sig_objection(
            sa.suite.auth, end.public_key, octets, signature.data
        )
