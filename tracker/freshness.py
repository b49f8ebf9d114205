"""How far a position can be trusted, by its age. [pure]"""

from __future__ import annotations

from typing import Final

LIVE_WITHIN_MS: Final = 45_000
"""Three intervals of the slowest common phone feed (15 s)."""
LOST_AFTER_MS: Final = 180_000


def freshness(age_ms: int) -> str:
    """live, delayed or lost."""
    if age_ms <= LIVE_WITHIN_MS:
        return "live"
    return "delayed" if age_ms <= LOST_AFTER_MS else "lost"
