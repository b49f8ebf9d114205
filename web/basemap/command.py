"""``enroute map``: making the basemap and the road graph from one extract."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from tracker.roads.build import RoadsSummary
    from web.basemap.build import BasemapSummary

T = TypeVar("T")
Progress = Callable[[str, float], None]


@click.group("map")
def map_group() -> None:
    """Make the drawn map, and the roads that arrival times are reckoned on."""


@map_group.command("build")
@click.argument("extract", type=click.Path(path_type=Path), metavar="EXTRACT.osm.pbf")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The basemap to write  [default: where `enroute serve` looks for it]",
)
@click.option(
    "--roads",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The road graph to write  [default: beside --out, else where `enroute serve` looks for it]",
)
def build(extract: Path, out: Path | None, roads: Path | None) -> None:
    """Make a basemap of vector tiles and a road graph from an OpenStreetMap extract.

    Extracts of cities and countries are offered for download by many mirrors of OpenStreetMap.
    """
    from tracker.roads.build import build_roads
    from tracker.roads.extract import NoRoadsForCars
    from web.basemap.build import build_basemap
    from web.config import ROADS_NAME, load_settings

    settings = load_settings(os.environ)
    roads = roads or (out.with_name(ROADS_NAME) if out else settings.roads_path)
    drawn = out or settings.basemap_path
    _tell_basemap(*_timed(drawn, lambda show: build_basemap(extract, drawn, progress=show)))
    try:
        _tell_roads(*_timed(roads, lambda show: build_roads(extract, roads, progress=show)))
    except NoRoadsForCars as error:
        click.echo(f"{error}: arrival times will be estimated without a map")
    click.echo("  © OpenStreetMap contributors (ODbL): show this wherever you show the map")


def _timed(out: Path, make: Callable[[Progress], T]) -> tuple[T, float]:
    """What was made behind a progress bar, and the seconds it took."""
    from tracker.roads.extract import ExtractError, NoRoadsForCars

    started_s = time.monotonic()
    with click.progressbar(length=1000, label="Starting", width=30) as bar:

        def show(stage: str, part: float) -> None:
            bar.label = stage.ljust(38)
            bar.update(round(part * 1000) - bar.pos)

        try:
            made = make(show)
        except NoRoadsForCars:
            raise
        except ExtractError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or out}: {error.strerror}") from None
    return made, time.monotonic() - started_s


def _tell_basemap(summary: BasemapSummary, took_s: float) -> None:
    click.echo(f"{summary.out}: {summary.tiles} tiles, {summary.size_bytes / 1e6:.1f} MB, made in {took_s:.1f} s")
    click.echo("  " + ", ".join(f"{count} {layer}" for layer, count in summary.features.items()))
    if summary.skipped_areas:
        click.echo(f"  {summary.skipped_areas} areas with a broken outline were left out")


def _tell_roads(summary: RoadsSummary, took_s: float) -> None:
    click.echo(
        f"{summary.out}: {summary.road_km:.0f} km of road, {summary.size_bytes / 1e6:.1f} MB, made in {took_s:.1f} s"
    )
    click.echo(
        f"  {summary.edges} edges, {summary.turns} turns, {summary.signals} signals,"
        f" {summary.turn_restrictions} turn restrictions"
    )
    if summary.skipped_restrictions:
        click.echo(f"  {summary.skipped_restrictions} turn restrictions whose members make no way were left out")
