from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tracker.roads.breaker import CLOSED, HALF_OPEN, OPEN, Breaker


def failing(breaker: Breaker, times: int, *, now_s: float = 0.0) -> None:
    for _ in range(times):
        breaker.failed(breaker.ask(now_s), now_s, 0.5)


def test_a_few_failures_in_a_row_open_it_and_one_fewer_does_not():
    breaker = Breaker(in_a_row=3)

    failing(breaker, 2)
    breaker.succeeded(breaker.ask(0.0))
    failing(breaker, 2)
    assert breaker.state is CLOSED

    failing(breaker, 1)
    assert breaker.state is OPEN
    assert breaker.ask(0.0) is None


def test_half_of_many_answers_failing_opens_it_too():
    breaker = Breaker(in_a_row=5, of_last=10, share=0.5)

    for _ in range(4):
        failing(breaker, 1)
        breaker.succeeded(breaker.ask(0.0))
    failing(breaker, 1)
    assert breaker.state is CLOSED

    breaker.succeeded(breaker.ask(0.0))
    failing(breaker, 1)
    assert breaker.state is OPEN


def test_after_the_pause_one_question_goes_through_and_its_answer_closes_it():
    breaker = Breaker(in_a_row=1, first_pause_s=4.0)
    failing(breaker, 1)
    assert breaker.pause_s == 3.0  # chance in the middle

    assert breaker.ask(2.9) is None
    probe = breaker.ask(3.0)
    assert breaker.state is HALF_OPEN
    assert breaker.ask(3.0) is None

    assert breaker.succeeded(probe) is True
    assert breaker.state is CLOSED


def test_pauses_grow_to_a_limit_and_start_again_after_an_answer():
    breaker = Breaker(in_a_row=1, first_pause_s=5.0, longest_pause_s=30.0)
    now_s, pauses = 0.0, []
    for _ in range(5):
        breaker.failed(breaker.ask(now_s), now_s, 0.999999999)
        pauses.append(round(breaker.pause_s, 3))
        now_s = breaker.retry_at_s

    breaker.succeeded(breaker.ask(now_s))
    failing(breaker, 1, now_s=now_s)

    assert pauses == [5.0, 10.0, 20.0, 30.0, 30.0]
    assert breaker.pause_s == 3.75


def test_a_probe_that_was_taken_back_leaves_its_place_to_another():
    breaker = Breaker(in_a_row=1)
    failing(breaker, 1)
    probe = breaker.ask(10.0)

    breaker.gave_up(probe)

    assert breaker.ask(10.0) is not None


def test_an_answer_to_a_question_from_before_the_pause_says_nothing():
    breaker = Breaker(in_a_row=1)
    early = breaker.ask(0.0)
    failing(breaker, 1)
    probe = breaker.ask(10.0)

    assert breaker.succeeded(early) is False
    assert breaker.failed(early, 10.0, 0.0) is False
    assert breaker.state is HALF_OPEN

    assert breaker.failed(probe, 10.0, 0.0) is True


class AnyHistory(RuleBasedStateMachine):
    """Against the rules in words, whatever is asked, answered late, taken back or never answered."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(in_a_row=3, of_last=6, share=0.5, first_pause_s=2.0, longest_pause_s=20.0)
        self.now_s = 0.0
        self.out: list[int] = []
        self.probes_out: set[int] = set()

    @rule(seconds=st.floats(0.0, 30.0))
    def time_passes(self, seconds):
        self.now_s += seconds

    @rule()
    def somebody_asks(self):
        before, may = self.breaker.state, self.breaker.may_ask(self.now_s)
        ticket = self.breaker.ask(self.now_s)

        assert (ticket is not None) is may
        if before is CLOSED:
            assert ticket is not None
        if before is OPEN:
            assert may is (self.now_s >= self.breaker.retry_at_s)
        if before is HALF_OPEN:
            assert may is not bool(self.probes_out)
        if ticket is not None:
            self.out.append(ticket)
            if self.breaker.state is HALF_OPEN:
                self.probes_out.add(ticket)

    @precondition(lambda self: self.out)
    @rule(
        data=st.data(),
        what=st.sampled_from(["succeeded", "failed", "gave_up"]),
        chance=st.floats(0, 1, exclude_max=True),
    )
    def an_answer_comes(self, data, what, chance):
        ticket = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before = self.breaker.state
        was_probe = before is HALF_OPEN and ticket in self.probes_out
        if what == "succeeded":
            changed = self.breaker.succeeded(ticket)
            assert changed is was_probe
        elif what == "failed":
            changed = self.breaker.failed(ticket, self.now_s, chance)
            assert not was_probe or changed
            if changed:
                assert self.breaker.state is OPEN
                assert 1.0 <= self.breaker.pause_s <= 20.0
                assert self.breaker.retry_at_s == self.now_s + self.breaker.pause_s
        else:
            self.breaker.gave_up(ticket)
            changed = False
        assert changed is (self.breaker.state is not before)
        if was_probe:
            self.probes_out.clear()

    @invariant()
    def at_most_one_probe_is_out(self):
        if self.breaker.state is not HALF_OPEN:
            self.probes_out.clear()
        assert len(self.probes_out) <= 1


TestAnyHistory = AnyHistory.TestCase
