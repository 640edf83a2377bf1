"""A conversation between a foreign daemon and the reference responder: what it is, what happens, what came of it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.profile import Configuration
from harness.profile.ways import Way
from harness.target.contract import NotApplicable
from harness.target.daemon import ChildSa, IkeDaemon, IkeSa
from harness.target.namespaces import INTERFACE, Network, wait_until
from harness.target.vpnc import Vpnc
from testcases.selftest.interop.stage import CONFIGURATION, PEER, SOON_S, Responder, Stage


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
    shows: tuple[str, ...] = ()
    """What messages, in this order, are to be seen of it in the words of `show`: a pattern each."""
    as_ios: bool = False
    """Whether the responder is told by IOS text."""
    troubled: bool = False
    """Whether the daemon has to tell of trouble in its log."""
    options: tuple[str, ...] = ()
    """Options of the responder's command."""


@dataclass
class Story:
    """What came of a scene."""

    scene: Scene
    capture: Path
    keys: list[Path]
    """A directory for each responder."""
    devices: list[str]
    """The responders' addresses."""
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
    stage: Stage
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
"""Where a daemon moves to."""
HOST = "172.16.1.9"
"""One behind the responder."""
ANOTHER = "10.9.0.4"
"""Where clients are sent to."""
INFORMATIONAL = {"v2": "INFORMATIONAL", "v1-main": "INFORMATIONAL_V1", "v1-aggressive": "INFORMATIONAL_V1"}
Act = Callable[[Conversation], None]


def another_gateway(held: Conversation) -> None:
    """Beside the responder there is one that serves those who are sent there (RFC 5685)."""
    held.network.near.run("ip", "address", "add", f"{ANOTHER}/24", "dev", INTERFACE)
    serving = replace(held.scene.device, local_address=ANOTHER, redirect=None)
    another = held.stage.responder(held.network, serving, place="another")
    held.story.keys.append(another.keys)
    held.story.devices.append(ANOTHER)


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


def checked(held: Conversation) -> None:
    """One end asks for a sign of life, whichever was told to."""
    by_responder = held.scene.device.dpd is not None
    wait_until(
        lambda: held.device.heard(INFORMATIONAL[held.scene.way], response=by_responder),
        SOON_S,
        "a check for liveness",
    )
    held.note("checked")


def at_home(held: Conversation) -> None:
    """The daemon's end has an address that the child is for."""
    held.network.far.run("ip", "address", "add", "172.16.2.1/32", "dev", "lo")


def pinged(held: Conversation) -> None:
    """A host behind the responder answers through the tunnel, from the daemon's own ESP to ours."""
    end = held.network.far
    if held.scene.kind is Vpnc:
        end.run("ip", "route", "add", HOST, "dev", "tun0")
    end.run("ping", "-c", "3", "-i", "0.2", "-W", "5", HOST)
    held.note("pinged")


def reauthenticated(held: Conversation) -> None:
    """The daemon makes another IKE SA in time, as it was told (RFC 4478)."""
    before = held.story.ike("up").name
    held.note_when("reauthenticated", lambda: held.story.ike("reauthenticated").name != before)


def crashed(held: Conversation) -> None:
    """The responder forgets everything; the daemon, which hears so when it asks, makes another IKE SA."""
    before = held.story.ike("up").name
    held.device.kill()
    held.device = held.stage.responder(held.network, held.scene.device)
    held.peer.rekey_child(held.scene.way)
    held.note_when("crashed", lambda: held.story.ike("crashed").name != before)


def play(scene: Scene, stage: Stage) -> Story:
    """Hold the conversation to its end; then both daemons are ended."""
    assert scene.device.peer is not None
    with Network(scene.device.local_address, scene.device.peer) as network, stage.ended:
        dump = stage.dump(network)
        device = stage.responder(network, scene.device, *scene.options, as_ios=scene.as_ios)
        peer = stage.daemon(scene.kind, network, scene.peer or scene.device, scene.further)
        story = Story(scene, stage.capture, [device.keys], [scene.device.local_address])
        held = Conversation(scene, stage, network, device, peer, story)
        try:
            for act in scene.acts:
                act(held)
        finally:
            story.log = peer.log()
            (stage.place / "daemon.log").write_text(story.log)
        dump.finish()
        story.log = peer.log()
        story.statuses = {"the daemon": peer.stop(), "the responder": held.device.stop()}
        return story
