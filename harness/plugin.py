"""The pytest plugin: collects cases, plays them, turns verdicts into outcomes, and keeps the journal of the run."""

import json
from collections.abc import Iterator
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
from harness.record import CaseResult, RunHeader, Verdict
from harness.report.console import Teller
from harness.report.draw import PAGE, draw
from harness.report.journal import NAME, Journal, result_from
from harness.report.naming import run_name
from harness.report.telling import block
from harness.target.contract import Elsewhere, Target, TargetUnavailable
from harness.target.departures import Unreasoned, known
from harness.target.named import NoSuchTarget, named
from harness.target.probe import probe
from harness.target.remote import Leave

BENCH = pytest.StashKey[Bench]()
RECORD = "ike_result"
"""The attribute of a report that carries a result, as JSON: workers of a parallel run send it to the one that writes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `ike-harness run`, for pytest."""
    group = parser.getgroup("ike", "IKE responder conformance")
    group.addoption("--ike-target", default="reference", help="a target's name, deviant:NAME, or FILE.toml")
    group.addoption(
        "--ike-link", choices=[*LinkKind], help="virtual, or udp where the target has sockets of its own"
    )
    group.addoption("--ike-profile", choices=[*ProfileName], help="what the target is judged by")
    group.addoption("--ike-configured-as", choices=[*ProfileName], help="how the target is set up")
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
    run = run_name(option.ike_target)
    option.ike_pcaps = option.ike_pcaps or str(Path("pcaps") / run)
    option.ike_reports = option.ike_reports or str(Path("reports") / run)
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
    alone = option.ike_jobs == 1 or option.ike_link != LinkKind.UDP or len(cases) < len(session.items)
    if alone or session.testsfailed or option.collectonly:
        return None
    windows = Windows(option.ike_windows)
    cases.sort(key=lambda item: waits_s(item.entry.kind, windows), reverse=True)
    with closing(played(cases, option.ike_jobs, _apart)) as results:
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
        setattr(report, RECORD, json.dumps(item.result.to_json()))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the target."""
    bench = session.config.stash.get(BENCH, None)
    if bench is not None:
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
                item: CaseItem = CaseItem.from_parent(self, name=entry.id)
                item.entry = entry
                yield item


class CaseBroken(Exception):
    """A verdict that is no PASS, told in lines."""


class CaseItem(pytest.Item):
    """A case; it has its result before `setup` or is played there, so that an ERROR is no failure of the target."""

    entry: Entry
    result: CaseResult | None = None

    def setup(self) -> None:
        """Play and judge."""
        self.result = result = self.result or _bench(self.config).play(self.entry)
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
    """Writes the journal as results come in, tells the console, and draws the reports at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._clock = WallClock()
        self._began = self._clock.now()
        self._cases = 0
        self._journal: Journal | None = None
        self._interrupted = False
        console = config.option.ike_console
        self._teller = None if console == "none" else Teller(quiet=console == "quiet")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Count the cases."""
        self._cases = sum(isinstance(item, CaseItem) for item in items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A result came in, from here or from a worker."""
        told = getattr(report, RECORD, None)
        if told is None:
            return
        if self._journal is None:
            self._begin()
        assert self._journal is not None
        result = result_from(json.loads(told))
        self._journal.case(result)
        if self._teller is not None:
            self._teller.case(result)

    def pytest_keyboard_interrupt(self) -> None:
        """Somebody pressed Ctrl-C."""
        self._interrupted = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """The run is over."""
        if self._journal is None:
            return
        directory = Path(self._config.option.ike_reports)
        self._journal.end(self._clock.now() - self._began, interrupted=self._interrupted)
        run = draw(directory)
        if self._teller is not None:
            self._teller.end(run, shown_path(directory / PAGE))

    def _begin(self) -> None:
        option = self._config.option
        directory = Path(option.ike_reports)
        target = _target(option)
        judged = option.ike_profile or ProfileName.STRICT
        header = RunHeader(
            run=directory.name,
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
        )
        self._journal = Journal(directory / NAME)
        self._journal.begin(header)
        if self._teller is not None:
            self._teller.begin(header)


def _bench(config: pytest.Config) -> Bench:
    bench = config.stash.get(BENCH, None)
    if bench is None:
        config.stash[BENCH] = bench = _new_bench(config.option)
    return bench


def _apart(item: CaseItem, beside: Beside) -> tuple[Bench, Entry]:
    """A bench for this case alone, beside the others that are played; its target was probed before."""
    return _new_bench(item.config.option, beside), item.entry


def _new_bench(option: Any, beside: Beside | None = None) -> Bench:
    try:
        target = _target(option)
        if beside is None:
            probe(target)
        link = _link(option, target)
        departures = known(target.name, Path(option.ike_expect) if option.ike_expect else None)
    except (NoSuchTarget, NoSuchLink, TargetUnavailable, Unreasoned) as why:
        raise pytest.UsageError(str(why)) from why
    settings = Settings(
        pcaps=Path(option.ike_pcaps),
        seed=option.ike_seed,
        link=link,
        profile=ProfileName(option.ike_profile) if option.ike_profile else None,
        configured_as=ProfileName(option.ike_configured_as) if option.ike_configured_as else None,
        strict=option.ike_strict,
        keys=not option.ike_no_keys,
        longest_wait_s=option.ike_longest_wait,
        windows=Windows(option.ike_windows),
        departures=departures,
    )
    return Bench(target, settings, beside=beside)


def _target(option: Any) -> Target:
    return named(option.ike_target, Leave(option.ike_allow_commands, frozenset(option.ike_may_test)))


def _stands(target: Target) -> ProfileName | None:
    """What a device that can't be set up here is said to be set up as."""
    return target.configuration.profile if isinstance(target, Elsewhere) else None


def _link(option: Any, target: Target) -> LinkKind:
    return link_to(target, LinkKind(option.ike_link) if option.ike_link else None)


def _roots(config: pytest.Config) -> tuple[Path, ...]:
    return roots(Path(each).resolve() for each in config.option.ike_cases)
