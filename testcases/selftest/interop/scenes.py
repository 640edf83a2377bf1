"""The conversations between foreign daemons and the reference responder, each held once and told to many tests."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.codes import AuthMethodV1, ProfileName
from harness.profile import Configuration, Identity, Lifetimes
from harness.profile.credentials import Credentials, Ppk, User
from harness.profile.extensions import AddressPool, Mobility
from harness.profile.version1 import Version1, Xauth
from harness.profile.ways import Way
from harness.target.contract import NotApplicable
from harness.target.daemon import ChildSa, IkeDaemon, IkeSa
from harness.target.libreswan import Libreswan
from harness.target.namespaces import INTERFACE, Network, wait_until
from harness.target.openiked import OpenIked
from harness.target.strongswan import Strongswan
from testcases.selftest.interop.certificates import credentials
from testcases.selftest.interop.stage import CONFIGURATION, DEVICE, PEER, SOON_S, Responder, Stage


@dataclass(frozen=True)
class Scene:
    """Who starts, how, and what happens."""

    kind: type[IkeDaemon]
    way: Way
    acts: tuple["Act", ...]
    device: Configuration = CONFIGURATION
    """What the responder is."""
    peer: Configuration | None = None
    """What the daemon is to meet, if that is not what the responder is."""
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """More lines for the daemon's files."""
    as_ios: bool = False


@dataclass
class Story:
    """What came of a scene."""

    scene: Scene
    capture: Path
    keys: Path
    moments: dict[str, list[IkeSa]] = field(default_factory=dict)
    """The IKE SAs that stood, in the daemon's eyes, by the name of the act that ended then."""
    listings: dict[str, str] = field(default_factory=dict)
    """The same in its own words."""
    log: str = ""
    statuses: dict[str, int | None] = field(default_factory=dict)

    def ike(self, moment: str) -> IkeSa:
        """The newest IKE SA."""
        return self.moments[moment][-1]

    def child(self, moment: str) -> ChildSa:
        """The newest child; one of version 1 outlives the ISAKMP SA that it was made under."""
        return [child for sa in self.moments[moment] for child in sa.children][-1]


@dataclass
class Conversation:
    """A scene while it is played."""

    scene: Scene
    network: Network
    device: Responder
    peer: IkeDaemon
    story: Story

    def note(self, moment: str) -> None:
        """Remember what the daemon has."""
        self.story.listings[moment] = self.peer.listing()
        self.story.moments[moment] = self.peer.sas()

    def note_when(self, moment: str, done: Callable[[], bool]) -> None:
        """Remember it as soon as something is done."""

        def seen() -> bool:
            self.note(moment)
            return any(sa.children for sa in self.story.moments[moment]) and done()

        wait_until(seen, SOON_S, moment)


ELSEWHERE = "10.9.0.3"
Act = Callable[[Conversation], None]


def up(held: Conversation) -> None:
    """The IKE SA and its child come up."""
    held.peer.initiate(held.scene.way)
    held.note("up")


def child_rekeyed(held: Conversation) -> None:
    """The child is replaced, on command or at its lifetime."""
    before = held.story.child("up")
    with suppress(NotApplicable):
        held.peer.rekey_child(held.scene.way)
    held.note_when("child rekeyed", lambda: held.story.child("child rekeyed") != before)


def ike_rekeyed(held: Conversation) -> None:
    """The IKE SA is replaced, on command or at its lifetime; in version 1 by a new phase 1."""
    before = held.story.ike("up").name
    with suppress(NotApplicable):
        held.peer.rekey_ike(held.scene.way)
    held.note_when("ike rekeyed", lambda: held.story.ike("ike rekeyed").name != before)


def deleted(held: Conversation) -> None:
    """The daemon deletes what it has, and the responder follows."""
    held.peer.terminate(held.scene.way)
    held.note("deleted")
    wait_until(
        lambda: not any(sa["up"] for sa in held.device.sas()), SOON_S, "the end of the responder's SAs"
    )


SHORT_LIVED = replace(
    CONFIGURATION, profile=ProfileName.REKEY_OK, lifetimes=Lifetimes(ike_soft=8, ike_hard=60, child_hard=5)
)
"""For a daemon that rekeys by its lifetimes alone."""


def moved(held: Conversation) -> None:
    """The daemon's address goes, and another comes; the responder follows (RFC 4555 section 3.5)."""
    device = f"dev {INTERFACE}"
    held.network.far.run("ip", "addr", "delete", f"{PEER}/24", *device.split())
    held.network.far.run("ip", "addr", "add", f"{ELSEWHERE}/24", *device.split())
    wait_until(
        lambda: [ELSEWHERE in sa["remote"] for sa in held.device.sas() if sa["up"]] == [True],
        SOON_S,
        "the move of the IKE SA",
    )
    held.note("moved")


WHOLE_LIFE = (up, child_rekeyed, ike_rekeyed, deleted)
SHORT_LIFE = (up, deleted)
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
USER = User("carol@example.org", "an-open-secret-too")
EAP = replace(
    SIGNED["rsa"],
    remote_auth="eap",
    remote_id=Identity("user_fqdn", USER.name),
    users=(USER,),
    peer_credentials=Credentials(anchors=SIGNED["rsa"].credentials.anchors),
)
POST_QUANTUM = replace(CONFIGURATION, ppk=Ppk(b"ppk-1", bytes(range(32))))
POOL = replace(
    CONFIGURATION, pool=AddressPool("10.55.0.0/24", dns=("10.9.0.1",)), remote_subnets=("10.55.0.0/24",)
)
"""A gateway that gives addresses; its clients want a child for what they are given."""
CLIENT = replace(POOL, remote_subnets=())
ANYWHERE = replace(POOL, remote_subnets=("0.0.0.0/0",))
"""A client that proposes every address, as RFC 7296 section 2.19 has it."""
NULL = replace(CONFIGURATION, local_auth="null", remote_auth="null", remote_id=None)
MOBILE = replace(CONFIGURATION, mobility=Mobility())
XAUTH = replace(
    POOL,
    users=(USER,),
    proposals_v1=tuple(
        replace(each, auth=AuthMethodV1.XAUTH_INIT_PRE_SHARED) for each in CONFIGURATION.proposals_v1
    ),
    version1=Version1(xauth=Xauth()),
)
XAUTH_CLIENT = replace(XAUTH, remote_subnets=(), version1=Version1())
SCENES: dict[str, Scene] = {
    **{
        f"strongswan {way}": Scene(Strongswan, way, WHOLE_LIFE, as_ios=True)
        for way in ("v2", "v1-main", "v1-aggressive")
    },
    **{f"libreswan {way}": Scene(Libreswan, way, WHOLE_LIFE) for way in ("v2", "v1-main", "v1-aggressive")},
    "openiked v2": Scene(OpenIked, "v2", WHOLE_LIFE, peer=SHORT_LIVED),
    **{
        f"{daemon.kind} {kind}": Scene(daemon, "v2", SHORT_LIFE, device=device)
        for daemon in (Strongswan, Libreswan, OpenIked)
        for kind, device in SIGNED.items()
    },
    **{
        f"strongswan eap-{method}": Scene(
            Strongswan, "v2", SHORT_LIFE, device=replace(EAP, eap_methods=(method,))
        )
        for method in ("mschapv2", "md5")
    },
    **{
        f"{daemon.kind} ppk": Scene(daemon, "v2", WHOLE_LIFE, device=POST_QUANTUM)
        for daemon in (Strongswan, Libreswan)
    },
    "libreswan null": Scene(Libreswan, "v2", SHORT_LIFE, device=NULL),
    "strongswan childless": Scene(
        Strongswan, "v2", WHOLE_LIFE, further={"connection": ("childless = force",)}
    ),
    "strongswan pool": Scene(
        Strongswan, "v2", WHOLE_LIFE, device=POOL, peer=CLIENT, further={"connection": ("vips = 0.0.0.0",)}
    ),
    "libreswan pool": Scene(
        Libreswan,
        "v2",
        WHOLE_LIFE,
        device=POOL,
        peer=replace(ANYWHERE, versions=(2,)),
        further={"conn": ("leftmodecfgclient=yes", "narrowing=yes")},
    ),
    "openiked pool": Scene(
        OpenIked, "v2", SHORT_LIFE, device=POOL, peer=ANYWHERE, further={"policy": ("request address any",)}
    ),
    "strongswan mobike": Scene(
        Strongswan,
        "v2",
        (up, moved, child_rekeyed, deleted),
        device=MOBILE,
        further={"connection": ("local_addrs = %any",)},
    ),
    **{
        f"strongswan xauth {way}": Scene(
            Strongswan,
            way,
            SHORT_LIFE,
            device=XAUTH,
            peer=XAUTH_CLIENT,
            further={"connection": ("vips = 0.0.0.0",)},
        )
        for way in ("v1-main", "v1-aggressive")
    },
}


def named(*, way: str = "", act: Act | None = None, kind: type[IkeDaemon] | None = None) -> list[str]:
    """The names of the scenes by the way they go, an act they have, the daemon in them."""
    return [
        name
        for name, scene in SCENES.items()
        if scene.way.startswith(way) and (act is None or act in scene.acts) and kind in (None, scene.kind)
    ]


def play(name: str, stage: Stage) -> Story:
    """Hold the conversation of that name to its end; then both daemons are ended."""
    scene = SCENES[name]
    with Network(DEVICE, PEER) as network, stage.ended:
        dump = stage.dump(network)
        device = stage.responder(network, scene.device, as_ios=scene.as_ios)
        peer = stage.daemon(scene.kind, network, scene.peer or scene.device, scene.further)
        story = Story(scene, stage.capture, device.keys)
        held = Conversation(scene, network, device, peer, story)
        try:
            for act in scene.acts:
                act(held)
        finally:
            story.log = peer.log()
            (stage.place / "daemon.log").write_text(story.log)
        dump.finish()
        story.log = peer.log()
        story.statuses = {"the daemon": peer.stop(), "the responder": device.stop()}
        return story
