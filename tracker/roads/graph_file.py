"""A road graph as one file of little-endian arrays, mapped into memory: all processes of a machine share its pages.

Layout: magic, format version, length and checksum of the header, the header (JSON), then the arrays, each at a multiple
of 8 bytes. The header says where they lie, from which extract they were made, and their checksum.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import msgspec

from tracker.errors import TrackerError
from tracker.roads.graph import ARRAYS, RoadGraph, Shape

MAGIC = b"ENRROADS"
FORMAT_VERSION = 1
"""Counts up with every change of the arrays or of what they mean: an older file is built anew."""
SUFFIX = ".graph"

_START = struct.Struct("<8sIII")
_ALIGN = 8


class RoadsFileError(TrackerError):
    """The operator's file: missing, of another version, or damaged. The remedy is always to build it again."""

    code = "roads_unreadable"

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} {what}; make it with `enroute map build EXTRACT.osm.pbf`")
        self.path = path


class Source(msgspec.Struct, frozen=True):
    """The extract a graph was made from."""

    name: str
    size_bytes: int
    sha256: str


class Header(msgspec.Struct, frozen=True):
    """What stands before the arrays. ``arrays`` gives (offset from the start of the arrays, count) by name."""

    source: Source
    shape: Shape
    arrays: dict[str, tuple[int, int]]
    size_bytes: int
    crc32: int


def source_of(extract: Path) -> Source:
    """Name, size and checksum of an extract. Raises OSError."""
    with extract.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Source(extract.name, extract.stat().st_size, digest.hexdigest())


def write_graph(graph: RoadGraph, path: Path, *, source: Source) -> int:
    """Write a graph, whole or not at all; returns the size in bytes. Raises OSError."""
    assert sys.byteorder == "little"
    places: dict[str, tuple[int, int]] = {}
    offset, crc = 0, 0
    for name in ARRAYS:
        array = graph.arrays[name]
        places[name] = (offset, len(array))
        crc = zlib.crc32(array.cast("B"), crc)
        offset += -(-array.nbytes // _ALIGN) * _ALIGN
    head = msgspec.json.encode(Header(source, graph.shape, places, offset, crc))
    head += b" " * (-(_START.size + len(head)) % _ALIGN)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(_START.pack(MAGIC, FORMAT_VERSION, len(head), zlib.crc32(head)))
            file.write(head)
            for name in ARRAYS:
                array = graph.arrays[name]
                file.write(array)
                file.write(b"\0" * (-array.nbytes % _ALIGN))
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    return _START.size + len(head) + offset


def open_graph(path: Path, *, verify: bool = True) -> RoadGraph:
    """The graph in a file. ``verify`` reads all of it once and compares the checksum.

    Raises RoadsFileError when the file is missing, not a road graph, of another version, or damaged.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _START.size:
                raise RoadsFileError(path, "is not a road graph")
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise RoadsFileError(path, f"cannot be read ({error.strerror})") from None
    header, body = _header(path, mapped)
    if len(body) != header.size_bytes:
        raise RoadsFileError(path, f"is damaged: {len(body)} bytes of arrays instead of {header.size_bytes}")
    arrays: dict[str, memoryview] = {}
    crc = 0
    for name, code in ARRAYS.items():
        offset, count = header.arrays.get(name, (0, -1))
        end = offset + count * struct.calcsize(code)
        if count < 0 or end > len(body):
            raise RoadsFileError(path, f"is damaged: {name} does not lie in it")
        if verify:
            crc = zlib.crc32(body[offset:end], crc)
        arrays[name] = body[offset:end].cast(code)
    if verify and crc != header.crc32:
        raise RoadsFileError(path, "is damaged: its checksum does not match")
    return RoadGraph(arrays, header.shape, identity=f"{header.crc32:08x}")


def read_source(path: Path) -> Source:
    """The extract that a file was made from. Raises RoadsFileError."""
    try:
        with path.open("rb") as file:
            start = memoryview(file.read(1 << 16))
    except OSError as error:
        raise RoadsFileError(path, f"cannot be read ({error.strerror})") from None
    return _header(path, start)[0].source


def _header(path: Path, content: memoryview) -> tuple[Header, memoryview]:
    if len(content) < _START.size or content[: len(MAGIC)] != MAGIC:
        raise RoadsFileError(path, "is not a road graph")
    if sys.byteorder != "little":
        raise RoadsFileError(path, "is for little-endian machines, which this one is not")
    _, version, length, crc = _START.unpack_from(content)
    if version != FORMAT_VERSION:
        age = "an older" if version < FORMAT_VERSION else "a newer"
        raise RoadsFileError(path, f"is of {age} version ({version}, this program reads {FORMAT_VERSION})")
    head = content[_START.size : _START.size + length]
    if len(head) != length or zlib.crc32(head) != crc:
        raise RoadsFileError(path, "is damaged: its header is broken")
    return msgspec.json.decode(head, type=Header), content[_START.size + length :]
