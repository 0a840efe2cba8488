"""Gesture events: found, matched in time against a full recursion, scored against hand-made cases."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._metrics.events import (
    GESTURES,
    EventRules,
    Events,
    drop_releases,
    event_metrics,
    find_events,
    match_events,
)

RULES = EventRules()
CLICK, DOWN = GESTURES.index("thumb_click"), GESTURES.index("thumb_down")
PRESS, RELEASE = GESTURES.index("index_press"), GESTURES.index("index_release")


def events(*pairs):
    """Events from (time, gesture) pairs."""
    times, gestures = zip(*pairs, strict=True) if pairs else ((), ())
    return Events(np.array(times, dtype=np.float64), np.array(gestures, dtype=np.int64))


def pulses(n_frames, *frames, gesture=CLICK, height=0.9):
    x = np.zeros((9, n_frames))
    x[gesture, list(frames)] = height
    return x


some_events = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=7).map(
    lambda pairs: events(*sorted((at / 40, gesture) for at, gesture in pairs))
)


def most_saved(predicted, true, rules):
    """Needleman and Wunsch over all prefixes, written as what a pair saves over leaving both alone."""

    @functools.cache
    def best(i, j):
        if not i or not j:
            return 0
        ways = [best(i - 1, j), best(i, j - 1)]
        if rules.earliest - 1e-6 <= predicted.time[i - 1] - true.time[j - 1] <= rules.latest + 1e-6:
            ways.append(best(i - 1, j - 1) + 1 + int(predicted.gesture[i - 1] == true.gesture[j - 1]))
        return max(ways)

    return best(len(predicted), len(true))


@given(some_events, some_events)
def test_matching_saves_as_much_as_the_recursion(predicted, true):
    pairs = match_events(predicted, true, RULES)
    assert (np.diff(pairs, axis=0) > 0).all()
    late = predicted.time[pairs[:, 0]] - true.time[pairs[:, 1]]
    assert ((late > -0.05 - 1e-6) & (late < 0.25 + 1e-6)).all()
    right = predicted.gesture[pairs[:, 0]] == true.gesture[pairs[:, 1]]
    assert len(pairs) + right.sum() == most_saved(predicted, true, RULES)


@given(some_events)
def test_what_happened_matches_itself(true):
    distinct = true.where(np.diff(true.time, prepend=-1) > 0)
    assert match_events(distinct, distinct, RULES).tolist() == [[at, at] for at in range(len(distinct))]
    found = event_metrics(distinct, distinct, 60.0, rules=EventRules(drop_impossible=False))
    assert found["cler"] in (None, 0.0)
    assert found["recall"] in (None, 1.0)
    assert found["false_per_hour"] == 0.0


def test_the_earlier_of_two_equal_predictions_is_taken():
    assert match_events(events((1.0, CLICK), (1.1, CLICK)), events((1.0, CLICK)), RULES).tolist() == [[0, 0]]
    assert match_events(events((1.0, DOWN), (1.1, CLICK)), events((1.0, CLICK)), RULES).tolist() == [[1, 0]]


def test_crossings_are_found_at_their_frame():
    x = pulses(100, 20, 21, 22, 40)
    x[DOWN, 20] = 0.35
    x[CLICK, 60] = 0.3499
    found = find_events(x, 200.0, RULES, start=5.0)
    assert found.gesture.tolist() == [CLICK, DOWN, CLICK]
    assert found.time == pytest.approx([5.1, 5.1, 5.2])


def test_the_first_frame_can_be_an_event():
    assert find_events(pulses(10, 0, 1), 200.0, RULES).time.tolist() == [0.0]
    assert len(find_events(np.zeros((9, 0)), 200.0, RULES)) == 0


def test_debouncing_is_per_gesture_and_counts_from_the_last_kept():
    x = pulses(60, 0, 4, 9, 10, 14, 20, 50)
    x[DOWN, 2] = 1.0
    found = find_events(x, 200.0, RULES)
    assert found.time[found.gesture == CLICK] * 200 == pytest.approx([0, 14, 50])  # 9 and 10 are one pulse
    assert found.time[found.gesture == DOWN] * 200 == pytest.approx([2])
    x = pulses(60, 0, 10, 20)
    assert find_events(x, 200.0, RULES).time * 200 == pytest.approx([0, 10, 20])


@pytest.mark.parametrize(("late", "matched"), [(-0.06, 0), (-0.05, 1), (0.0, 1), (0.25, 1), (0.26, 0)])
def test_pairs_need_the_published_tolerance(late, matched):
    found = event_metrics(events((3.0 + late, CLICK)), events((3.0, CLICK)), 60.0)
    assert found["n_matched"] == matched
    assert found["recall"] == float(matched)
    assert found["cler"] == (0.0 if matched else None)
    assert found["false_per_hour"] == (0.0 if matched else 60.0)


def test_the_rate_is_a_mean_over_gestures():
    true = events((1, CLICK), (2, CLICK), (3, CLICK), (4, CLICK), (5, DOWN), (6, 8), (9, 7))
    predicted = events((1.1, CLICK), (2.1, DOWN), (3.1, CLICK), (4.1, CLICK), (5.1, CLICK), (7, CLICK), (8, CLICK))
    found = event_metrics(predicted, true, 1800.0)
    # click: 3 of 4 right; down: 0 of 1; the other two have no partner.
    assert found["cler"] == pytest.approx((1 / 4 + 1) / 2)
    assert found["recall"] == pytest.approx(3 / 7)
    assert found["false_per_hour"] == pytest.approx(4.0)
    assert [found[key] for key in ("n_true", "n_predicted", "n_matched", "n_correct")] == [7, 7, 5, 3]
    assert found["per_gesture"] == {
        "4": {"true": 4, "matched": 4, "correct": 3},
        "5": {"true": 1, "matched": 1, "correct": 0},
        "7": {"true": 1, "matched": 0, "correct": 0},
        "8": {"true": 1, "matched": 0, "correct": 0},
    }


def test_misses_and_false_alarms_do_not_move_the_rate():
    true = events((1, CLICK), (2, CLICK), (3, CLICK))
    few = event_metrics(events((1.1, CLICK)), true, 60.0)
    many = event_metrics(events((1.1, CLICK), (10, DOWN), (11, DOWN)), true, 60.0)
    assert few["cler"] == many["cler"] == 0.0
    assert few["recall"] == pytest.approx(1 / 3)
    assert many["false_per_hour"] == pytest.approx(120.0)


def test_without_events_nothing_is_claimed():
    found = event_metrics(events(), events(), 60.0)
    assert (found["cler"], found["recall"], found["false_per_hour"], found["per_gesture"]) == (None, None, 0.0, {})


@pytest.mark.parametrize(
    ("time", "stays"),
    [(0.94, False), (0.96, True), (1.5, True), (2.24, True), (2.26, False), (4.94, False), (9.0, True)],
)
def test_releases_of_fingers_that_are_up_are_dropped(time, stays):
    true = events((1.0, PRESS), (2.0, RELEASE), (5.0, PRESS))
    kept = drop_releases(events((time, RELEASE)), true, RULES)
    assert len(kept) == stays
    middle = events((time, GESTURES.index("middle_release")))
    assert len(drop_releases(middle, true, RULES)) == 0
    assert len(drop_releases(events((time, PRESS), (time, CLICK)), true, RULES)) == 2


def test_dropping_can_be_switched_off():
    true, predicted = events((1.0, CLICK)), events((1.0, CLICK), (3.0, RELEASE))
    assert event_metrics(predicted, true, 3600.0)["false_per_hour"] == 0.0
    assert event_metrics(predicted, true, 3600.0, rules=EventRules(drop_impossible=False))["false_per_hour"] == 1.0


def test_long_recordings_are_matched():
    rng = np.random.default_rng(0)
    time = np.cumsum(rng.uniform(0.05, 1.0, 2000))
    true = Events(time, rng.integers(0, 9, 2000))
    pairs = match_events(Events(time + 0.1, true.gesture), true, RULES)
    assert len(pairs) == 2000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, r"threshold=0.0: a probability in \(0, 1\)"),
        ({"threshold": 1.0}, r"threshold=1.0"),
        ({"debounce": -0.1}, r"debounce=-0.1: seconds, not negative"),
        ({"earliest": 0.3}, r"earliest=0.3, latest=0.25: seconds in this order"),
        ({"latest": float("nan")}, r"latest=nan"),
    ],
)
def test_bad_rules_are_refused(options, message):
    with pytest.raises(EmgDistillError, match=message):
        EventRules(**options)


def test_bad_events_are_refused():
    with pytest.raises(EmgDistillError, match=r"events: \(2,\) times and \(1,\) gestures must be as many"):
        Events(np.zeros(2), np.zeros(1, dtype=np.int64))
    with pytest.raises(EmgDistillError, match=r"times must be finite and in order"):
        events((2.0, 0), (1.0, 0))
    with pytest.raises(EmgDistillError, match=r"times must be finite"):
        events((float("nan"), 0))
    with pytest.raises(EmgDistillError, match=r"gesture -1 is negative"):
        events((1.0, -1))


@pytest.mark.parametrize(
    ("x", "sfreq", "message"),
    [
        (np.zeros(5), 200.0, r"probabilities have shape \(5,\): \(gestures, frames\)"),
        (np.full((9, 5), 1.5), 200.0, r"must lie in \[0, 1\]: pass the sigmoid"),
        (np.full((9, 5), np.nan), 200.0, r"must lie in \[0, 1\]"),
        (np.zeros((9, 5)), 0.0, r"sfreq=0.0: frames per second"),
    ],
)
def test_bad_probabilities_are_refused(x, sfreq, message):
    with pytest.raises(EmgDistillError, match=message):
        find_events(x, sfreq, RULES)


def test_bad_recordings_are_refused():
    with pytest.raises(EmgDistillError, match=r"seconds=0.0: the length of the recording"):
        event_metrics(events(), events(), 0.0)
    with pytest.raises(EmgDistillError, match=r"predicted events hold gesture 9; 0 .. 8 are known"):
        event_metrics(events((1.0, 9)), events(), 1.0)
    with pytest.raises(EmgDistillError, match=r"true events hold gesture 5; 0 .. 4 are known"):
        event_metrics(events(), events((1.0, 5)), 1.0, n_gestures=5)
