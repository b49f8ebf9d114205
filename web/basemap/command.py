"""``enroute map``: making the basemap file."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click


@click.group("map")
def map_group() -> None:
    """Make the optional basemap."""


@map_group.command("build")
@click.argument("extract", type=click.Path(path_type=Path), metavar="EXTRACT.osm.pbf")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write  [default: where `enroute serve` looks for it]",
)
def build(extract: Path, out: Path | None) -> None:
    """Make a basemap of vector tiles from an OpenStreetMap extract.

    Extracts of cities and countries are offered for download by many mirrors of OpenStreetMap.
    """
    from tracker.roads.extract import ExtractError
    from web.basemap.build import build_basemap

    out = out or _default_out()
    started_s = time.monotonic()
    with click.progressbar(length=1000, label="Starting", width=30) as bar:

        def show(stage: str, part: float) -> None:
            bar.label = stage.ljust(34)
            bar.update(round(part * 1000) - bar.pos)

        try:
            summary = build_basemap(extract, out, progress=show)
        except ExtractError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or out}: {error.strerror}") from None
    took_s = time.monotonic() - started_s
    click.echo(f"{summary.out}: {summary.tiles} tiles, {summary.size_bytes / 1e6:.1f} MB, made in {took_s:.1f} s")
    click.echo("  " + ", ".join(f"{count} {layer}" for layer, count in summary.features.items()))
    if summary.skipped_areas:
        click.echo(f"  {summary.skipped_areas} areas with a broken outline were left out")
    click.echo("  © OpenStreetMap contributors (ODbL): show this wherever you show the map")


def _default_out() -> Path:
    from web.config import load_settings

    return load_settings(os.environ).basemap_path
