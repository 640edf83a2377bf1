"""The pytest plugin: collects cases, plays them, turns verdicts into outcomes, and keeps the journal of the run."""

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.bench.beside import Beside
from harness.bench.catalogue import Entry, NoSuchCase, load_file, matches, roots, suite_of
from harness.bench.pool import played
from harness.bench.run import LONGEST_WAIT_S, Bench, Settings, shown_path
from harness.bench.stage import LinkKind, NoSuchLink, link_to
from harness.bench.windows import Windows, waits_s
from harness.clock import WallClock, fresh_seed, started_at
from harness.codes import ProfileName
from harness.record import CaseResult, Departure, RunHeader, Verdict
from harness.report.console import Teller
from harness.report.journal import NAME, read, result_from
from harness.report.keeper import Keeper, place
from harness.report.naming import run_name
from harness.report.telling import block
from harness.target.contract import Elsewhere, Target, TargetUnavailable
from harness.target.departures import Unreasoned, known
from harness.target.named import NoSuchTarget, named, own_file_of, profile_of
from harness.target.probe import probe
from harness.target.remote import Leave

Side = tuple[str, int]
"""A target, and which repetition."""
BENCHES = pytest.StashKey[dict[Side, Bench]]()
DONE = pytest.StashKey[frozenset[tuple[str, str, int]]]()
"""The plays that a run has behind it which is gone on with: target, case, repetition."""
RECORD = "ike_result"
"""The attribute of a report that carries a result, as JSON: workers of a parallel run send it to the one that writes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `ike-harness run`, for pytest."""
    group = parser.getgroup("ike", "IKE responder conformance")
    group.addoption(
        "--ike-target", action="append", default=[], help="a target's name, deviant:NAME, or FILE.toml"
    )
    group.addoption(
        "--ike-link", choices=[*LinkKind], help="virtual, or udp where the target has sockets of its own"
    )
    group.addoption("--ike-profile", choices=[*ProfileName], help="what the target is judged by")
    group.addoption("--ike-configured-as", help="how the target is set up, by a profile or a file")
    group.addoption("--ike-seed", type=int, help="repeats a run; by default a fresh one, which is printed")
    group.addoption("--ike-strict", action="store_true", help="a broken SHOULD fails")
    group.addoption("--ike-expect", help="a file of known departures in place of the target's own")
    group.addoption("--ike-no-keys", action="store_true", help="keep keys out of the evidence")
    group.addoption(
        "--ike-windows", choices=[*Windows], default=Windows.SHORT, help="how long silence is watched"
    )
    group.addoption(
        "--ike-longest-wait", type=float, default=LONGEST_WAIT_S, help="seconds, where time is real"
    )
    group.addoption(
        "--ike-select", action="append", default=[], help="an id, a prefix of one, or a requirement"
    )
    group.addoption(
        "--ike-cases", action="append", default=[], help="a directory of cases besides the project's"
    )
    group.addoption("--ike-pcaps", help="where the evidence goes; pcaps/RUN by default")
    group.addoption("--ike-reports", help="where the reports go; reports/RUN by default")
    group.addoption(
        "--ike-count", type=int, help="how many cases there are; a parallel run can't count them itself"
    )
    group.addoption("--ike-repeat", type=int, default=1, help="how often each case is played")
    group.addoption("--ike-resume", action="store_true", help="leave out what the journal has already")
    group.addoption("--ike-asked", default="{}", help="how the run was asked for, in JSON, for the journal")
    group.addoption("--ike-jobs", type=int, default=1, help="how many cases are played at a time")
    group.addoption("--ike-expected-s", type=float, default=0.0, help="how long the run is expected to take")
    group.addoption("--ike-allow-commands", action="store_true", help="run the commands of a target file")
    group.addoption("--ike-may-test", action="append", default=[], help="a global address that may be tested")
    group.addoption("--ike-console", choices=["none", "quiet", "full"], default="none")


def pytest_configure(config: pytest.Config) -> None:
    """Settle what a run needs to be repeated, once, before workers are started."""
    option = config.option
    if option.ike_seed is None:
        option.ike_seed = fresh_seed()
    option.ike_target = option.ike_target or ["reference"]
    run = run_name(*option.ike_target)
    option.ike_pcaps = option.ike_pcaps or str(Path("pcaps") / run)
    option.ike_reports = option.ike_reports or str(Path("reports") / run)
    config.stash[DONE] = _done(option) if option.ike_resume else frozenset()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config), "ike-recorder")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file of cases, whatever its name; one that was named to pytest comes by way of `pytest_pycollect_makemodule`."""
    if file_path.suffix != ".py" or parent.session.isinitpath(file_path):
        return None
    return pytest_pycollect_makemodule(file_path, parent)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file of cases in place of a module of test functions."""
    if module_path.name.startswith("_"):
        return None
    suite = suite_of(module_path, _roots(parent.config))
    if suite is None:
        return None
    made: CaseFile = CaseFile.from_parent(parent, path=module_path)
    made.suite = suite
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Where time is real, cases wait side by side, the longest first; each is reported when it has ended."""
    option = session.config.option
    cases = [item for item in session.items if isinstance(item, CaseItem)]
    in_turn = option.ike_jobs == 1 or option.ike_link != LinkKind.UDP or len(cases) < len(session.items)
    if in_turn or session.testsfailed or option.collectonly:
        return None
    windows = Windows(option.ike_windows)
    cases.sort(key=lambda item: waits_s(item.entry.kind, windows), reverse=True)
    lone = {name for name in option.ike_target if isinstance(_named(option, name), Elsewhere)}
    names = {name: name if name in lone else "" for name in option.ike_target}
    with closing(played(cases, option.ike_jobs, _apart, lambda item: names[item.side[0]])) as results:
        for item, result in results:
            item.result = result
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    return True


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> pytest.TestReport | None:
    """A case's report carries its result."""
    if not isinstance(item, CaseItem):
        return None
    report = pytest.TestReport.from_item_and_call(item, call)
    if call.when == "setup" and item.result is not None:
        setattr(report, RECORD, json.dumps({"target": item.side[0], "result": item.result.to_json()}))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the target."""
    for bench in session.config.stash.get(BENCHES, {}).values():
        bench.close()


class CaseFile(pytest.File):
    """A file of cases."""

    suite = ""

    def collect(self) -> Iterator[pytest.Item]:
        """Its cases, as far as they are selected."""
        try:
            entries = load_file(self.suite, self.path)
        except NoSuchCase as why:
            raise self.CollectError(str(why)) from why
        selectors = self.config.option.ike_select
        for entry in entries:
            if not selectors or any(matches(entry, selector) for selector in selectors):
                yield from self._plays(entry)

    def _plays(self, entry: Entry) -> Iterator[pytest.Item]:
        """The case once for each target and repetition, as far as that is still to be done."""
        option, done = self.config.option, self.config.stash[DONE]
        for round_ in range(1, option.ike_repeat + 1):
            for target in option.ike_target:
                if (target, entry.id, round_) not in done:
                    apart = (
                        f" {target}" if len(option.ike_target) > 1 else "",
                        f" {round_}" if round_ > 1 else "",
                    )
                    item: CaseItem = CaseItem.from_parent(self, name="".join((entry.id, *apart)))
                    item.entry, item.side = entry, (target, round_)
                    yield item


class CaseBroken(Exception):
    """A verdict that is no PASS, told in lines."""


class CaseItem(pytest.Item):
    """A case; it has its result before `setup` or is played there, so that an ERROR is no failure of the target."""

    entry: Entry
    side: Side
    result: CaseResult | None = None

    def setup(self) -> None:
        """Play and judge."""
        self.result = result = self.result or _bench(self.config, self.side).play(self.entry)
        self.user_properties += [("requirement", each) for each in result.requirements]
        self.user_properties += [("verdict", str(result.verdict)), ("capture", result.capture)]
        if result.verdict is Verdict.NOT_APPLICABLE:
            pytest.skip(result.why)
        if result.verdict is Verdict.ERROR:
            raise CaseBroken

    def runtest(self) -> None:
        """Fail unless the verdict is PASS."""
        if self.result is not None and self.result.verdict is not Verdict.PASS:
            raise CaseBroken

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What a reader needs, verdict first."""
        if not isinstance(excinfo.value, CaseBroken) or self.result is None:
            return super().repr_failure(excinfo, style)
        return "\n".join((*block(self.result), self.result.traceback))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the case stands and what it is called."""
        return self.path, None, self.name


class Recorder:
    """Hands results to the keeper of the run as they come in, from here or from workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._clock = WallClock()
        self._began = self._clock.now()
        self._cases = 0
        self._keeper: Keeper | None = None
        self._interrupted = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Count the cases."""
        self._cases = len({item.entry.id for item in items if isinstance(item, CaseItem)})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """The run begins, if there is anything to play or to go on with."""
        option = self._config.option
        if not option.collectonly and (self._cases or option.ike_count):
            self._keeper = self._begin()
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A result came in."""
        told = getattr(report, RECORD, None)
        if told is None or self._keeper is None:
            return
        plain = json.loads(told)
        self._keeper.case(plain["target"], result_from(plain["result"]))

    def pytest_keyboard_interrupt(self) -> None:
        """Somebody pressed Ctrl-C."""
        self._interrupted = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """The run is over."""
        if self._keeper is not None:
            took = self._clock.now() - self._began
            self._keeper.end(took, shown_path, interrupted=self._interrupted)

    def _begin(self) -> Keeper:
        option = self._config.option
        quiet = {"none": None, "quiet": True, "full": False}[option.ike_console]
        headers = {target: self._header(target) for target in option.ike_target}
        teller = None if quiet is None else Teller(quiet=quiet)
        done = len(self._config.stash[DONE]) if option.ike_resume else None
        return Keeper(Path(option.ike_reports), headers, teller, done)

    def _header(self, name: str) -> RunHeader:
        option = self._config.option
        target = _target(option, name)
        judged = option.ike_profile or ProfileName.STRICT
        return RunHeader(
            run=Path(option.ike_reports).name,
            target={"name": target.name, "version": target.version},
            profile=str(judged),
            configured_as=str(_stands(target) or option.ike_configured_as or judged),
            seed=option.ike_seed,
            started=started_at(),
            link=str(_link(option, target)),
            cases=self._cases if option.ike_count is None else option.ike_count,
            strict=option.ike_strict,
            jobs=option.ike_jobs,
            expected_s=option.ike_expected_s,
            repeat=option.ike_repeat,
            asked=json.loads(option.ike_asked),
        )


def _done(option: Any) -> frozenset[tuple[str, str, int]]:
    reports = {
        each: place(Path(option.ike_reports), each, len(option.ike_target)) / NAME
        for each in option.ike_target
    }
    return frozenset(
        (target, result.id, result.round)
        for target, path in reports.items()
        if path.is_file()
        for result in read(path).every
    )


def _bench(config: pytest.Config, side: Side) -> Bench:
    benches = config.stash.setdefault(BENCHES, {})
    if side not in benches:
        benches[side] = _new_bench(config.option, side, _target(config.option, side[0]))
    return benches[side]


def _apart(item: CaseItem, beside: Beside) -> tuple[Bench, Entry]:
    """A bench for this case alone, beside the others that are played; its target was probed before."""
    option = item.config.option
    return _new_bench(option, item.side, _named(option, item.side[0]), beside), item.entry


def _target(option: Any, name: str) -> Target:
    """The target of that name, found fit for the run."""
    try:
        target = _named(option, name)
        probe(target)
        _link(option, target)
        _departures(option, target)
    except (NoSuchTarget, NoSuchLink, TargetUnavailable, Unreasoned) as why:
        raise pytest.UsageError(str(why)) from why
    return target


def _new_bench(option: Any, side: Side, target: Target, beside: Beside | None = None) -> Bench:
    name, round_ = side
    settings = Settings(
        pcaps=place(Path(option.ike_pcaps), name, len(option.ike_target)),
        seed=option.ike_seed + round_ - 1,
        link=_link(option, target),
        profile=ProfileName(option.ike_profile) if option.ike_profile else None,
        configured_as=profile_of(option.ike_configured_as),
        strict=option.ike_strict,
        keys=not option.ike_no_keys,
        longest_wait_s=option.ike_longest_wait,
        windows=Windows(option.ike_windows),
        departures=_departures(option, target),
        round=round_,
    )
    return Bench(target, settings, beside=beside)


def _named(option: Any, name: str) -> Target:
    leave = Leave(option.ike_allow_commands, frozenset(option.ike_may_test))
    return named(name, leave, own_file_of(option.ike_configured_as))


def _stands(target: Target) -> ProfileName | None:
    """What a device that can't be set up here is said to be set up as."""
    return target.configuration.profile if isinstance(target, Elsewhere) else None


def _departures(option: Any, target: Target) -> tuple[Departure, ...]:
    return known(target.name, Path(option.ike_expect) if option.ike_expect else None)


def _link(option: Any, target: Target) -> LinkKind:
    return link_to(target, LinkKind(option.ike_link) if option.ike_link else None)


def _roots(config: pytest.Config) -> tuple[Path, ...]:
    return roots(Path(each).resolve() for each in config.option.ike_cases)
