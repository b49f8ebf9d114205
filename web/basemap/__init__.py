"""The optional basemap: one PMTiles file of vector tiles, made from an OpenStreetMap extract.

``web.basemap.build`` makes it; importing this package alone stays cheap, so that every ``enroute`` command does.
"""

from web.basemap.command import map_group

__all__ = ["map_group"]
