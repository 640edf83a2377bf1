"""The conversations between foreign daemons and the reference responder, each held once and told to many tests."""

from dataclasses import replace

from harness.codes import AuthMethodV1, Group, ProfileName
from harness.profile import Dpd, Identity, Lifetimes
from harness.profile.child_policy import ChildPolicy
from harness.profile.credentials import Credentials, Ppk, User
from harness.profile.exchanges import Fragments
from harness.profile.extensions import AddressPool, Mobility, Redirect
from harness.profile.version1 import Fragmentation, Version1, Xauth
from harness.profile.ways import WAYS, Way
from harness.target.daemon import IkeDaemon
from harness.target.libreswan import Libreswan
from harness.target.openiked import OpenIked
from harness.target.strongswan import Strongswan, UserspaceStrongswan
from harness.target.vpnc import Vpnc
from testcases.selftest.interop.certificates import credentials
from testcases.selftest.interop.conversation import (
    ANOTHER,
    Act,
    Scene,
    another_gateway,
    at_home,
    checked,
    child_rekeyed,
    crashed,
    deleted,
    ike_rekeyed,
    moved,
    pinged,
    reauthenticated,
    up,
)
from testcases.selftest.interop.stage import CONFIGURATION, DEVICE, PEER

WHOLE_LIFE = (up, child_rekeyed, ike_rekeyed, deleted)
SHORT_LIFE = (up, deleted)
MODES: tuple[Way, ...] = ("v1-main", "v1-aggressive")
SCENES: dict[str, Scene] = {}


# --- pre-shared keys --------------------------------------------------------------------------------------

SHORT_LIVED = replace(
    CONFIGURATION, profile=ProfileName.REKEY_OK, lifetimes=Lifetimes(ike_soft=8, ike_hard=60, child_hard=5)
)
"""For a daemon that rekeys by its lifetimes alone."""

for way in WAYS:
    SCENES[f"strongswan {way}"] = Scene(Strongswan, way, WHOLE_LIFE, as_ios=True)
    SCENES[f"libreswan {way}"] = Scene(Libreswan, way, WHOLE_LIFE)
SCENES["openiked v2"] = Scene(OpenIked, "v2", WHOLE_LIFE, peer=SHORT_LIVED)


BY_IPV6 = replace(
    CONFIGURATION,
    local_address="fd00:9::1",
    peer="fd00:9::2",
    local_id=Identity("ipv6", "fd00:9::1"),
    remote_id=Identity("ipv6", "fd00:9::2"),
)
for daemon in (Strongswan, Libreswan):
    SCENES[f"{daemon.kind} ipv6 v2"] = Scene(daemon, "v2", WHOLE_LIFE, BY_IPV6)
    SCENES[f"{daemon.kind} ipv6 v1-main"] = Scene(daemon, "v1-main", WHOLE_LIFE, BY_IPV6)
SCENES["openiked ipv6 v2"] = Scene(OpenIked, "v2", SHORT_LIFE, BY_IPV6)


# --- what is negotiated -----------------------------------------------------------------------------------

PFS = replace(CONFIGURATION, pfs_group=Group.CURVE25519, versions=(2,))
"""The group of the IKE SA too: Libreswan takes that for a child whatever it is told."""
PFS_V1 = replace(CONFIGURATION, pfs_group=Group.MODP_2048)
SHORT_LIVED_PFS = replace(SHORT_LIVED, pfs_group=Group.CURVE25519)
ONE_GROUP = replace(CONFIGURATION, proposals_v2=CONFIGURATION.proposals_v2[1:2])
"""A responder that takes another group than the one that a daemon of `CONFIGURATION` tries first."""
WARY = replace(CONFIGURATION, cookie_threshold=0)
HOSTS = replace(
    CONFIGURATION,
    local_subnets=(f"{DEVICE}/32",),
    remote_subnets=(f"{PEER}/32",),
    children=ChildPolicy(transport=True),
)
BEHIND_NAT = {Strongswan: {"connection": ("encap = yes",)}, Libreswan: {"conn": ("encapsulation=yes",)}}
"""How a daemon is told to pretend that there is a NAT."""
KE_AGAIN = (r"-> CREATE_CHILD_SA .*KE, TSi", r"<- CREATE_CHILD_SA .*KE, TSi")
KE_AGAIN_V1 = (r"-> QUICK_MODE .*Nonce, KE", r"<- QUICK_MODE .*Nonce, KE")
ASKED_FOR_A_COOKIE = (
    r"<- IKE_SA_INIT .*N\(COOKIE\)",
    r"-> IKE_SA_INIT .*\{ N\(COOKIE\)",
    r"<- IKE_SA_INIT .*KE",
)
ANOTHER_GROUP = (r"<- IKE_SA_INIT .*N\(INVALID_KE_PAYLOAD\)", r"-> IKE_SA_INIT .*KE", r"<- IKE_SA_INIT .*KE")
NO_TUNNEL = (r"-> IKE_AUTH .*N\(USE_TRANSPORT_MODE", r"<- IKE_AUTH .*N\(USE_TRANSPORT_MODE")

for daemon in (Strongswan, Libreswan, OpenIked):
    SCENES[f"{daemon.kind} cookie"] = Scene(daemon, "v2", SHORT_LIFE, WARY, shows=ASKED_FOR_A_COOKIE)
    SCENES[f"{daemon.kind} group"] = Scene(
        daemon, "v2", SHORT_LIFE, ONE_GROUP, CONFIGURATION, shows=ANOTHER_GROUP
    )
for daemon in (Strongswan, Libreswan):
    SCENES[f"{daemon.kind} pfs v2"] = Scene(daemon, "v2", WHOLE_LIFE, PFS, shows=KE_AGAIN)
    SCENES[f"{daemon.kind} pfs v1-main"] = Scene(daemon, "v1-main", WHOLE_LIFE, PFS_V1, shows=KE_AGAIN_V1)
    SCENES[f"{daemon.kind} transport"] = Scene(daemon, "v2", WHOLE_LIFE, HOSTS, shows=NO_TUNNEL)
    for way in WAYS:
        SCENES[f"{daemon.kind} nat {way}"] = Scene(daemon, way, WHOLE_LIFE, further=BEHIND_NAT[daemon])
SCENES["openiked transport"] = Scene(OpenIked, "v2", SHORT_LIFE, HOSTS, shows=NO_TUNNEL)
SCENES["openiked pfs v2"] = Scene(OpenIked, "v2", WHOLE_LIFE, PFS, SHORT_LIVED_PFS, shows=KE_AGAIN)


# --- other proofs -----------------------------------------------------------------------------------------

USER = User("carol@example.org", "an-open-secret-too")
SIGNED = {
    kind: replace(
        CONFIGURATION,
        local_auth="signature",
        remote_auth="signature",
        credentials=credentials(kind, DEVICE),
        peer_credentials=credentials(kind, PEER),
    )
    for kind in ("rsa", "ecdsa")
}
SIGNED_V1 = replace(
    SIGNED["rsa"],
    proposals_v1=tuple(
        replace(each, auth=AuthMethodV1.RSA_SIGNATURES) for each in CONFIGURATION.proposals_v1
    ),
)
BY_PASSWORD = replace(
    SIGNED["rsa"],
    remote_auth="eap",
    remote_id=Identity("user_fqdn", USER.name),
    users=(USER,),
    peer_credentials=Credentials(anchors=SIGNED["rsa"].credentials.anchors),
)
ECDSA_V1 = replace(
    SIGNED["ecdsa"],
    proposals_v1=(replace(CONFIGURATION.proposals_v1[0], auth=AuthMethodV1.ECDSA_SHA256_P256),),
)
POST_QUANTUM = replace(CONFIGURATION, ppk=Ppk(b"ppk-1", bytes(range(32))))
UNPROVED = replace(CONFIGURATION, local_auth="null", remote_auth="null", remote_id=None)
SIGNATURES = (
    r"-> IKE_SA_INIT .*N\(SIGNATURE_HASH_ALGORITHMS",
    r"<- IKE_SA_INIT .*N\(SIGNATURE_HASH_ALGORITHMS.*CERTREQ",
    r"-> IKE_AUTH .*CERT, .*AUTH",
    r"<- IKE_AUTH .*CERT, AUTH",
)
PASSWORD = (
    r"<- .*EAP\(REQUEST",
    r"-> .*EAP\(RESPONSE",
    r"<- .*EAP\(SUCCESS",
    r"-> .*SK\{AUTH",
    r"<- .*AUTH, SA",
)
SIGS = (r"-> .*SIG", r"<- .*SIG")
PPK = (r"<- .*N\(USE_PPK", r"-> .*N\(PPK_IDENTITY", r"<- .*N\(PPK_IDENTITY")

for kind, device in SIGNED.items():
    for daemon in (Strongswan, Libreswan, OpenIked):
        SCENES[f"{daemon.kind} {kind}"] = Scene(daemon, "v2", SHORT_LIFE, device, shows=SIGNATURES)
for method in ("mschapv2", "md5"):
    SCENES[f"strongswan eap-{method}"] = Scene(
        Strongswan, "v2", SHORT_LIFE, replace(BY_PASSWORD, eap_methods=(method,)), shows=PASSWORD
    )
for daemon in (Strongswan, Libreswan):
    SCENES[f"{daemon.kind} ppk"] = Scene(daemon, "v2", WHOLE_LIFE, POST_QUANTUM, shows=PPK)
    for way in MODES:
        shows = SIGS if way == "v1-main" else SIGS[::-1]
        SCENES[f"{daemon.kind} rsa {way}"] = Scene(daemon, way, SHORT_LIFE, SIGNED_V1, shows=shows)
for way in MODES:
    shows = SIGS if way == "v1-main" else SIGS[::-1]
    SCENES[f"strongswan ecdsa {way}"] = Scene(Strongswan, way, SHORT_LIFE, ECDSA_V1, shows=shows)
SCENES["libreswan null"] = Scene(Libreswan, "v2", SHORT_LIFE, UNPROVED)


# --- remote clients ---------------------------------------------------------------------------------------

POOL = replace(
    CONFIGURATION, pool=AddressPool("10.55.0.0/24", dns=("10.9.0.1",)), remote_subnets=("10.55.0.0/24",)
)
"""A gateway that gives addresses; its clients want a child for what they are given."""
CLIENT = replace(POOL, remote_subnets=())
ANYWHERE = replace(POOL, remote_subnets=("0.0.0.0/0",))
"""A client that proposes every address, as RFC 7296 section 2.19 has it."""
XAUTH = replace(
    POOL,
    users=(USER,),
    proposals_v1=tuple(
        replace(each, auth=AuthMethodV1.XAUTH_INIT_PRE_SHARED) for each in CONFIGURATION.proposals_v1
    ),
    version1=Version1(xauth=Xauth()),
)
XAUTH_CLIENT = replace(XAUTH, remote_subnets=(), version1=Version1())
GROUP = replace(XAUTH, remote_id=Identity("key_id", "group"), local_subnets=("0.0.0.0/0",))
ASKED = {
    Strongswan: {"connection": ("vips = 0.0.0.0",)},
    Libreswan: {"conn": ("leftmodecfgclient=yes", "rightmodecfgserver=yes", "modecfgpull=yes")},
}
"""How a client is told to ask for an address."""
GIVEN = (r"-> IKE_AUTH .*CP\(CFG_REQUEST", r"<- IKE_AUTH .*CP\(CFG_REPLY.*TSi")
LET_IN = (
    *(r"<- TRANSACTION .*CFG_REQUEST", r"-> TRANSACTION .*CFG_REPLY", r"<- .*CFG_SET", r"-> .*CFG_ACK"),
    *(r"-> TRANSACTION .*CFG_REQUEST", r"<- TRANSACTION .*CFG_REPLY", r"-> QUICK_MODE"),
)

SCENES["strongswan pool"] = Scene(Strongswan, "v2", WHOLE_LIFE, POOL, CLIENT, ASKED[Strongswan], GIVEN)
SCENES["libreswan pool"] = Scene(
    *(Libreswan, "v2", WHOLE_LIFE, POOL, replace(ANYWHERE, versions=(2,))),
    further={"conn": ("leftmodecfgclient=yes", "narrowing=yes")},
    shows=GIVEN,
)
SCENES["openiked pool"] = Scene(
    OpenIked, "v2", SHORT_LIFE, POOL, ANYWHERE, {"policy": ("request address any",)}, GIVEN
)
for daemon, further in ASKED.items():
    for way in MODES:
        SCENES[f"{daemon.kind} xauth {way}"] = Scene(
            daemon, way, SHORT_LIFE, XAUTH, XAUTH_CLIENT, further, LET_IN
        )
SCENES["vpnc"] = Scene(
    Vpnc, "v1-aggressive", (up, pinged, deleted), GROUP, shows=(*LET_IN, "-> ESP", "<- ESP")
)


# --- longer messages, other ways, other ends --------------------------------------------------------------

IN_FRAGMENTS = replace(SIGNED["rsa"], fragments=Fragments(size=576))
IN_FRAGMENTS_V1 = replace(SIGNED_V1, version1=Version1(fragmentation=Fragmentation(size=576)))
CUT = {
    Strongswan: {"connection": ("fragmentation = force",), "charon": ("fragment_size = 576",)},
    Libreswan: {"conn": ("fragmentation=force",)},
    OpenIked: {"global": ("set fragmentation",)},
}
"""How a daemon is told to send fragments."""
SENDS_AWAY = replace(CONFIGURATION, redirect=Redirect("ipv4", ANOTHER))
FOLLOWS: dict[type[IkeDaemon], dict[str, tuple[str, ...]]] = {
    Strongswan: {},
    Libreswan: {"conn": ("accept-redirect=yes",)},
}
FRAGMENTS = (r"-> IKE_AUTH request 1 \{ SKF\{1/", r"<- IKE_AUTH response 1 \{ SKF\{1/")
FRAGMENTS_V1 = (r"-> IDENTITY_PROTECTION .*FRAG", r"<- IDENTITY_PROTECTION .*FRAG")
SENT_AWAY = (
    *(r"-> .*N\(REDIRECT_SUPPORTED", r"<- IKE_SA_INIT response 0 \{ N\(REDIRECT\)"),
    *(r"-> IKE_SA_INIT .*N\(REDIRECTED_FROM", r"<- IKE_AUTH .*AUTH"),
)
MOVED = (
    *(r"-> .*N\(MOBIKE_SUPPORTED", r"<- .*N\(MOBIKE_SUPPORTED", r"-> .*N\(UPDATE_SA_ADDRESSES"),
    *(r"<- INFORMATIONAL request 0 .*COOKIE2", r"-> INFORMATIONAL response 0 .*COOKIE2"),
)

for daemon, further in CUT.items():
    life = SHORT_LIFE if daemon is OpenIked else WHOLE_LIFE
    SCENES[f"{daemon.kind} fragments"] = Scene(
        daemon, "v2", life, IN_FRAGMENTS, further=further, shows=FRAGMENTS
    )
for daemon in (Strongswan, Libreswan):
    SCENES[f"{daemon.kind} fragments v1-main"] = Scene(
        daemon, "v1-main", SHORT_LIFE, IN_FRAGMENTS_V1, further=CUT[daemon], shows=FRAGMENTS_V1
    )
    SCENES[f"{daemon.kind} redirected"] = Scene(
        *(daemon, "v2", (another_gateway, up, deleted), SENDS_AWAY),
        further=FOLLOWS[daemon],
        shows=SENT_AWAY,
    )
SCENES["strongswan mobike"] = Scene(
    *(Strongswan, "v2", (up, moved, child_rekeyed, deleted), replace(CONFIGURATION, mobility=Mobility())),
    further={"connection": ("local_addrs = %any",)},
    shows=MOVED,
)
SCENES["strongswan childless"] = Scene(
    *(Strongswan, "v2", WHOLE_LIFE),
    further={"connection": ("childless = force",)},
    shows=(r"<- IKE_AUTH response 1 \{ SK\{IDr, AUTH\} \}", r"-> CREATE_CHILD_SA request 2 .*TSi"),
)
SCENES["strongswan pings"] = Scene(
    UserspaceStrongswan, "v2", (at_home, up, pinged, deleted), shows=("-> ESP", "<- ESP")
)
SCENES["libreswan tcp"] = Scene(
    *(Libreswan, "v2", WHOLE_LIFE),
    peer=replace(CONFIGURATION, versions=(2,)),
    further={"setup": ("listen-tcp=yes",), "conn": ("enable-tcp=yes", "tcp-remoteport=4500")},
    options=("--tcp-port", "4500"),
    shows=(
        r"-> IKE_AUTH request 1 \{ SK\{.*TSi.* \(over TCP\)",
        r"<- CREATE_CHILD_SA response 2 \{ SK\{.*TSi.* \(over TCP\)",
        r"-> INFORMATIONAL request \d \{ SK\{D\(IKE\)\} \} \(over TCP\)",
    ),
)


# --- signs of life, and their absence ---------------------------------------------------------------------

CHECKING = replace(CONFIGURATION, dpd=Dpd(1.0))
CHECK = {
    "v2": (r"INFORMATIONAL request \d \{ SK\{\}", r"INFORMATIONAL response \d \{ SK\{\}"),
    "v1-main": (r".*N\(R_U_THERE\)", r".*N\(R_U_THERE_ACK\)"),
}
IMPATIENT = ("retransmit_timeout = 0.5", "retransmit_tries = 2")


def _checks(daemon: type[IkeDaemon], way: Way) -> None:
    """A scene in which the daemon asks, where it can soon, and one in which the responder does."""
    question, answer = CHECK[way]
    acts = (up, checked, deleted)
    if daemon is not OpenIked:  # it waits for five minutes of silence
        SCENES[f"{daemon.kind} checks {way}"] = Scene(
            daemon, way, acts, peer=CHECKING, shows=(f"-> {question}", f"<- {answer}")
        )
    SCENES[f"{daemon.kind} is checked {way}"] = Scene(
        daemon, way, acts, CHECKING, CONFIGURATION, shows=(f"<- {question}", f"-> {answer}")
    )


for daemon in (Strongswan, Libreswan, OpenIked):
    _checks(daemon, "v2")
for daemon in (Strongswan, Libreswan):
    _checks(daemon, "v1-main")
SCENES["strongswan reauthenticates"] = Scene(
    *(Strongswan, "v2", (up, reauthenticated, deleted), replace(CONFIGURATION, auth_lifetime=6.0)),
    further={"connection": ("over_time = 3s",)},
    shows=(r"<- .*N\(AUTH_LIFETIME", r"-> .*D\(IKE\)", r"-> IKE_SA_INIT", r"<- IKE_AUTH .*AUTH"),
)
SCENES["strongswan meets a crash"] = Scene(
    *(Strongswan, "v2", (up, crashed, deleted)),
    further={"charon": IMPATIENT, "child": ("dpd_action = restart",)},
    shows=(
        *(r"-> CREATE_CHILD_SA request 2", r"<- CREATE_CHILD_SA response 2 \{ N\(INVALID_IKE_SPI\) \}"),
        *(r"-> IKE_SA_INIT", r"<- IKE_AUTH .*AUTH"),
    ),
    troubled=True,
)


def named(*, act: Act) -> list[str]:
    """The names of the scenes in which something happens."""
    return [name for name, scene in SCENES.items() if act in scene.acts]
