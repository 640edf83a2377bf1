"""Plays many cases at a time where time is real: a thread each, with a target and loopback addresses of its own."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

from harness.bench.beside import Beside
from harness.bench.catalogue import Entry
from harness.bench.grounds import own_block
from harness.bench.run import Bench
from harness.record import CaseResult

P = TypeVar("P")
Made = Callable[[P, Beside], tuple[Bench, Entry]]
"""What a play is played on, a target of its own behind it, and the case."""


def played(
    plays: Sequence[P], jobs: int, made: Made[P], lone: Callable[[P], str] = lambda _: ""
) -> Generator[tuple[P, CaseResult], None, None]:
    """Begin the plays in this order, `jobs` at a time; each comes with its result as soon as that is there.

    A case that waits costs a thread and its target's process. A device that there is but once, and that `lone` gives a
    name, meets one case at a time. Who closes this generator early stops what is under way; evidence is closed and
    targets are ended before that returns.
    """
    beside = Beside()
    queues = {name: ThreadPoolExecutor(1 if name else jobs) for name in dict.fromkeys(map(lone, plays))}
    try:
        under_way: dict[Future[CaseResult], P] = {
            queues[lone(play)].submit(_play, made, play, beside): play for play in plays
        }
        for done in as_completed(under_way):
            yield under_way[done], done.result()
    finally:
        beside.halt()
        for queue in queues.values():
            queue.shutdown(cancel_futures=True)
        beside.close()


def _play(made: Made[P], play: P, beside: Beside) -> CaseResult:
    with own_block():
        bench, entry = made(play, beside)
        try:
            return bench.play(entry)
        finally:
            bench.close()
