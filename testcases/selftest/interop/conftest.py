"""Foreign daemons start, the reference responder answers: each conversation is held once, several at a time."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.target.contract import TargetUnavailable
from harness.target.namespaces import Network
from harness.target.packages import PACKAGES, Prefix, fetch
from testcases.selftest.interop.conversation import Story, play
from testcases.selftest.interop.scenes import SCENES
from testcases.selftest.interop.stage import DEVICE, PEER, Stage

AT_A_TIME = 4
"""They mostly wait."""


def why_not() -> str | None:
    """What the machine lacks, in one line; None if nothing."""
    for word in ("tcpdump", "bash", "gcc", "ping"):
        if shutil.which(word) is None:
            return f"{word} is not installed"
    try:
        Network().close()
    except TargetUnavailable as why:
        return str(why)
    return None


@pytest.fixture(scope="session")
def able() -> None:
    """The machine can do this; if not, the test is skipped."""
    why = why_not()
    if why is not None:
        pytest.skip(f"no real daemon in network namespaces here: {why}")


@pytest.fixture(scope="session")
def prefixes(able: None) -> Mapping[str, Prefix]:
    """The packages of every daemon, fetched if they are not in the cache."""
    try:
        return {name: fetch(name) for name in PACKAGES}
    except TargetUnavailable as why:
        pytest.skip(f"the packages of the daemons can't be had here: {why}")


@pytest.fixture
def network(able: None) -> Iterator[Network]:
    """Two ends and a cable."""
    with Network(DEVICE, PEER) as made:
        yield made


@pytest.fixture
def stage(tmp_path: Path, prefixes: Mapping[str, Prefix]) -> Iterator[Stage]:
    """Whatever is started on it ends with the test."""
    made = Stage(tmp_path, prefixes)
    with made.ended:
        yield made


@pytest.fixture(scope="session")
def stories(
    request: pytest.FixtureRequest, prefixes: Mapping[str, Prefix], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Story]]:
    """Tells a story by its name; the first call lets all those begin that the session will want."""
    held: dict[str, Future[Story]] = {}
    with ThreadPoolExecutor(AT_A_TIME) as pool:

        def begin(name: str) -> None:
            if name not in held:
                place = tmp_path_factory.mktemp(name.replace(" ", "-"))
                held[name] = pool.submit(play, SCENES[name], Stage(place, prefixes))

        def tell(name: str) -> Story:
            begin(name)
            for each in () if "PYTEST_XDIST_WORKER" in os.environ else wanted(request.session):
                begin(each)
            try:
                return held[name].result()
            except TargetUnavailable as why:
                pytest.fail(f"{name}: {why}", pytrace=False)

        yield tell


def wanted(session: pytest.Session) -> list[str]:
    """The names of the stories that the collected tests are about."""
    calls = (getattr(item, "callspec", None) for item in session.items)
    return [call.params["story"] for call in calls if call is not None and "story" in call.params]


@pytest.fixture
def story(request: pytest.FixtureRequest, stories: Callable[[str], Story]) -> Story:
    """The story that the parameter names."""
    return stories(request.param)
