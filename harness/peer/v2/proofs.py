"""RFC 7296 section 2.15: how the peer proves who it is at either end, and what it makes of the target's proof."""

from collections.abc import Iterable

from harness.codes import AuthMethod, CertEncoding, HashAlgorithm, IdType, NotifyType, PpkIdType
from harness.crypto import UnsupportedAlgorithm
from harness.crypto.certificate import (
    Certificate,
    certification_path,
    identity_objection,
    read_certificate,
    write_authorities,
)
from harness.crypto.scheme import load_private_key
from harness.crypto.signature import auth, auth_methods, auth_objection, choose
from harness.peer.end import End
from harness.peer.v2.sa import IkeSa
from harness.profile import Credentials, Identity, Ppk, Proof
from harness.sa.v2 import Keys, psk_auth, resumed_auth, signed_octets, with_ppk
from harness.wire import Message, Payload, v2

HASHES = (HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512, HashAlgorithm.IDENTITY)
X509 = CertEncoding.X509_SIGNATURE


class ProvesV2(End):
    """What goes into the initial exchanges for the sake of authentication, and what came of it."""

    heard_at: float | None

    # --- IKE_SA_INIT --------------------------------------------------------------------------------------------

    def told_at_first(self, sa: IkeSa, hashes: Iterable[int] | None = None) -> tuple[Payload, ...]:
        """SIGNATURE_HASH_ALGORITHMS where an end signs, USE_PPK where there is one; `hashes` are others to name."""
        signs = "signature" in (self.configuration.local_auth, self.configuration.remote_auth)
        named = tuple((HASHES if signs else ()) if hashes is None else hashes)
        sa.names_hashes, sa.uses_ppk = bool(named), self.configuration.ppk is not None
        data = b"".join(number.to_bytes(2, "big") for number in named)
        return (
            *((_notify(NotifyType.SIGNATURE_HASH_ALGORITHMS, data),) if named else ()),
            *((_notify(NotifyType.USE_PPK),) if sa.uses_ppk else ()),
        )

    def heard_at_first(self, sa: IkeSa, message: Message) -> None:
        """Remember what the target names of these; what only one end names does not count."""
        named = message.find(v2.Notify, NotifyType.SIGNATURE_HASH_ALGORITHMS)
        data = named.data if named is not None and sa.names_hashes else b""
        sa.hashes = {int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)}
        sa.uses_ppk = sa.uses_ppk and message.find(v2.Notify, NotifyType.USE_PPK) is not None

    # --- our proof ----------------------------------------------------------------------------------------------

    def own_identity(self, identity: Identity | None, proof: Proof) -> tuple[int, bytes]:
        """Type and data of our ID payload; who proves nothing is nobody, unless told otherwise (RFC 7619)."""
        if proof == "null" and identity is None and self.configuration.ppk is None:
            return IdType.ID_NULL, b""
        who = identity or self.configuration.local_id
        return who.id_type, who.data

    def own_proof(
        self,
        sa: IkeSa,
        id_body: bytes,
        proof: Proof,
        *,
        initiator: bool,
        psk: bytes | None = None,
        credentials: Credentials | None = None,
        keys: Keys | None = None,
    ) -> tuple[Payload, ...]:
        """AUTH under this identity, before it certificates; nothing at all by EAP, whose AUTH comes later."""
        if sa.resumed:
            data = self._resumed_data(sa, id_body, initiator)
            return (v2.Authentication(AuthMethod.SHARED_KEY, data),)
        if proof == "eap":
            return ()
        if proof == "signature":
            ours = credentials or self.configuration.credentials or Credentials()
            return self._signed(sa, self.covered(sa, id_body, initiator, keys), ours)
        secret = self.configuration.psk if psk is None else psk
        if proof == "null":
            secret = _sk_p(keys or sa.keys, initiator)
        method = AuthMethod.NULL if proof == "null" else AuthMethod.SHARED_KEY
        return (v2.Authentication(method, self.auth_data(sa, id_body, secret, initiator, keys)),)

    def _signed(self, sa: IkeSa, covered: bytes, credentials: Credentials) -> tuple[Payload, ...]:
        shown = tuple(v2.Certificate(X509, der) for der in credentials.chain)
        try:
            key = load_private_key(credentials.key)
            method = AuthMethod.DIGITAL_SIGNATURE if sa.hashes else auth_methods(key)[-1]
            data = auth(method, key, covered, choose(key, sa.hashes))
        except (ValueError, UnsupportedAlgorithm) as why:
            sa.why = f"this end can't sign: {why}"
            return ()
        return (*shown, v2.Authentication(method, data))

    def auth_data(
        self, sa: IkeSa, id_body: bytes, psk: bytes, initiator: bool, keys: Keys | None = None
    ) -> bytes:
        """The data of AUTH under a shared secret."""
        assert sa.keys is not None
        return psk_auth(sa.keys.suite.prf, psk, self.covered(sa, id_body, initiator, keys))

    def _resumed_data(self, sa: IkeSa, id_body: bytes, initiator: bool) -> bytes:
        """The data of AUTH in a resumed session: SK_p is the secret as it stands (RFC 5723 section 4.3.3)."""
        assert sa.keys is not None
        covered = self.covered(sa, id_body, initiator)
        return resumed_auth(sa.keys.suite.prf, _sk_p(sa.keys, initiator), covered)

    def covered(self, sa: IkeSa, id_body: bytes, initiator: bool, keys: Keys | None = None) -> bytes:
        """What AUTH covers: the signer's own IKE_SA_INIT message, the other end's nonce, its identity, IntAuth."""
        keys = keys or sa.keys
        assert keys is not None
        real, nonce = (sa.request, sa.nr) if initiator else (sa.response, sa.ni)
        octets = signed_octets(real, nonce, id_body, _sk_p(keys, initiator), keys.suite.prf)
        return octets + sa.int_auth.octets

    def certificate_request(self) -> tuple[Payload, ...]:
        """CERTREQ with our authorities, where the target has to sign."""
        ours = self.configuration.credentials
        if self.configuration.remote_auth != "signature" or ours is None:
            return ()
        return (v2.CertificateRequest(X509, write_authorities(_readable(ours.anchors))),)

    def mixed(self, sa: IkeSa) -> Keys | None:
        """The keys with the post-quantum one mixed in; those of the SA if there is none for it."""
        ppk = self.configuration.ppk
        return with_ppk(sa.keys, ppk.secret) if sa.keys and ppk and sa.uses_ppk else sa.keys

    # --- the target's proof -------------------------------------------------------------------------------------

    def doubt(
        self,
        sa: IkeSa,
        identity: Payload,
        auth_payload: v2.Authentication,
        message: Message,
        *,
        initiator: bool,
    ) -> str:
        """Why the target, which is the initiator or the responder, is not who it says; empty if it is."""
        assert isinstance(identity, v2.IdInitiator | v2.IdResponder)
        proof, wanted = self.configuration.remote_auth, self.configuration.remote_id
        named = (identity.id_type, identity.data)
        if proof != "null" and wanted is not None and named != (wanted.id_type, wanted.data):
            return "the target is somebody else"
        if proof == "signature" and not sa.resumed:
            return self._doubt_signature(sa, identity, auth_payload, message, initiator)
        for right in self.own_proof(sa, identity.body, proof, initiator=initiator):
            assert isinstance(right, v2.Authentication)
            if (right.method, right.data) == (auth_payload.method, auth_payload.data):
                return ""
        return "the target's AUTH is wrong"

    def _doubt_signature(
        self,
        sa: IkeSa,
        identity: v2.IdInitiator | v2.IdResponder,
        proof: v2.Authentication,
        message: Message,
        initiator: bool,
    ) -> str:
        chain = [c.data for c in message.all(v2.Certificate) if c.encoding == X509]
        end = read_certificate(chain[0]) if chain else "the target showed no certificate"
        if isinstance(end, str):
            return end
        anchors = self.configuration.credentials.anchors if self.configuration.credentials else ()
        path = certification_path(end, _readable(chain[1:]), _readable(anchors), self.heard_at or 0.0)
        if isinstance(path, str):
            return path
        if bool(sa.hashes) != (proof.method == AuthMethod.DIGITAL_SIGNATURE):
            return f"method {proof.method} is not what was agreed on"
        covered = self.covered(sa, identity.body, initiator)
        stranger = identity_objection(end, identity.id_type, identity.data)
        return stranger or auth_objection(proof.method, end.public_key, covered, proof.data, HASHES) or ""


def ppk_identity(ppk: Ppk) -> v2.Notify:
    """The name of a post-quantum key that both ends were given (RFC 8784 section 5.1)."""
    return _notify(NotifyType.PPK_IDENTITY, bytes([PpkIdType.PPK_ID_FIXED]) + ppk.identity)


def _sk_p(keys: Keys | None, initiator: bool) -> bytes:
    assert keys is not None
    return keys.sk_pi if initiator else keys.sk_pr


def _readable(ders: Iterable[bytes]) -> tuple[Certificate, ...]:
    return tuple(each for each in map(read_certificate, ders) if isinstance(each, Certificate))


def _notify(kind: int, data: bytes = b"") -> v2.Notify:
    return v2.Notify(notify_type=kind, data=data)
