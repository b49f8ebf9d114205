"""The report of one run: a JSON file for machines and one self-contained page for people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from simulations.observations import Observations
from simulations.report_page import report_page

Report = dict[str, Any]


def make_report(seen: Observations, *, title: str, duration_s: float, facts: dict[str, Any]) -> Report:
    """All numbers of the run. ``facts`` describe it (seed, server, counts) and are repeated as they are. [pure]"""
    sent, received = seen.counts["fixes sent"], seen.counts["positions received"]
    return {
        "title": title,
        "duration_s": round(duration_s, 1),
        "facts": facts,
        "throughput": {
            "fixes_sent": sent,
            "positions_received": received,
            "fixes_per_s": round(sent / duration_s, 2) if duration_s else 0.0,
            "positions_per_s": round(received / duration_s, 2) if duration_s else 0.0,
            "per_second": {
                name: [seen.per_second.get(name, Counter())[second] for second in range(int(duration_s) + 1)]
                for name in ("fixes sent", "positions received")
            },
        },
        "latency_ms": seen.latency_ms.summary(),
        "latency_ms_by_second": [
            [second, *(_rounded(found.percentile(p)) for p in (50, 90, 99))]
            for second, found in sorted(seen.latency_by_second.items())
        ],
        "freshness_s": seen.freshness_s.summary(),
        "freshness_bins_s": _bins(seen),
        "acknowledged_ms": seen.ack_ms.summary(),
        "requests_ms": {what: seen.requests[what].summary() for what in sorted(seen.requests)},
        "eta": seen.eta_by_lead(),
        "eta_errors_s": [[round(o.lead_s), round(o.error_s, 1)] for o in seen.etas[:2000]],
        "counts": dict(sorted(seen.counts.items())),
        "rejections": dict(seen.rejections.most_common()),
        "errors": dict(seen.errors.most_common()),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _bins(seen: Observations) -> list[list[float]]:
    """(upper bound in seconds, count) of the age of positions when they were shown."""
    bounds = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 600)
    counts = [0] * (len(bounds) + 1)
    for index, count in seen.freshness_s.bins.items():
        value = 0.05 * 1.05**index
        place = next((i for i, bound in enumerate(bounds) if value <= bound * 1.001), len(bounds))
        counts[place] += count
    return [[float(b), c] for b, c in zip((*bounds, 3600), counts, strict=True)]


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """``report.json`` and ``report.html`` in ``folder``, made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json, as_page = folder / "report.json", folder / "report.html"
    as_json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    as_page.write_text(report_page(report), encoding="utf-8")
    return as_json, as_page
