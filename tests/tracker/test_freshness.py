import pytest

from tracker.freshness import LIVE_WITHIN_MS, LOST_AFTER_MS, freshness


@pytest.mark.parametrize(
    ("age_ms", "word"),
    [
        (-5, "live"),
        (LIVE_WITHIN_MS, "live"),
        (LIVE_WITHIN_MS + 1, "delayed"),
        (LOST_AFTER_MS, "delayed"),
        (LOST_AFTER_MS + 1, "lost"),
    ],
)
def test_freshness_is_honest_about_the_age(age_ms, word):
    assert freshness(age_ms) == word
