"""The replay window as a value, against a plain set of numbers (RFC 4303 section 3.4.3, appendix A)."""

from hypothesis import given
from hypothesis import strategies as st

from harness.responder.traffic import Traffic

WIDTH = 64
HALF = 1 << 32
near = st.lists(st.integers(1, 200), max_size=60)
anywhere = st.lists(st.integers(0, HALF * HALF - 1), max_size=20)


def _played(numbers: list[int]) -> tuple[Traffic, list[bool]]:
    traffic, taken = Traffic(), []
    for number in numbers:
        fresh = not traffic.has_seen(number, WIDTH)
        taken.append(fresh)
        traffic = traffic.took(number, WIDTH, 1, 0.0) if fresh else traffic
    return traffic, taken


def _remembered(numbers: list[int]) -> list[bool]:
    """The same by a set that forgets nothing."""
    seen: set[int] = set()
    taken = []
    for number in numbers:
        fresh = number > 0 and number not in seen and number > max(seen, default=0) - WIDTH
        taken.append(fresh)
        seen.update([number] if fresh else [])
    return taken


@given(numbers=near | anywhere)
def test_a_number_is_taken_once_and_not_too_late(numbers: list[int]) -> None:
    """What the window lets in is what a memory without bounds would let in."""
    assert _played(numbers)[1] == _remembered(numbers)


@given(numbers=near | anywhere)
def test_a_window_is_never_larger_than_it_is_wide(numbers: list[int]) -> None:
    """However far numbers jump, what is kept of them are as many bits as the window is wide."""
    assert _played(numbers)[0].window.bit_length() <= WIDTH


@given(start=st.integers(WIDTH, HALF * HALF - HALF), jump=st.integers(1 - WIDTH, HALF - WIDTH))
def test_the_subspace_of_an_extended_number_is_inferred(start: int, jump: int) -> None:
    """From the low-order half alone the whole number is found, within the window and far ahead of it."""
    traffic, number = Traffic(received=start), start + jump

    assert traffic.whole_number(number % HALF, WIDTH, extended=True) == number


@given(low=st.integers(0, HALF - 1))
def test_a_plain_number_is_what_it_shows(low: int) -> None:
    """Without extended sequence numbers nothing is inferred."""
    assert Traffic(received=77).whole_number(low, WIDTH, extended=False) == low


def test_a_number_from_before_the_first_subspace_is_never_taken() -> None:
    """On a fresh SA the highest low-order halves would lie before the first packet."""
    traffic = Traffic(received=3, window=0b1)

    assert traffic.has_seen(traffic.whole_number(HALF - 1, WIDTH, extended=True), WIDTH)


def test_the_fuller_direction_counts() -> None:
    """Each SA of the pair has the lifetime by itself: octets of both are not added (RFC 4301 section 4.4.2.1)."""
    traffic = Traffic().took(1, WIDTH, 100, 1.0).gave(1, 40, 2.0)

    assert (traffic.octets, traffic.used_at) == (100, 2.0)
