from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.plot import Bar, NoConverter, Panel, check_plot, draw, write_plot

SVG = "{http://www.w3.org/2000/svg}"
PANEL = Panel("1:1", [Bar("C limit", 10.0), Bar("Enroute", 15.0, ours=True), Bar("NATS", None, note="failed")], 10.0)


def test_bars_are_as_long_as_their_values() -> None:
    drawn = ElementTree.fromstring(draw([PANEL], title="Cost", foot="today"))

    limit, ours = [float(bar.attrib["width"]) for bar in drawn.findall(f"{SVG}rect")[1:]]
    assert ours == pytest.approx(1.5 * limit, abs=0.2)


def test_what_could_not_be_measured_says_so_in_place_of_a_bar() -> None:
    drawn = ElementTree.fromstring(draw([PANEL], title="Cost", foot="today"))

    texts = [text.text for text in drawn.findall(f"{SVG}text")]
    assert "failed" in texts
    assert len(drawn.findall(f"{SVG}rect")) == 1 + 2


def test_names_are_text_and_no_markup() -> None:
    drawn = ElementTree.fromstring(draw([Panel("<1 & 2>", [Bar("a<b", 1.0)])], title="<Cost>", foot=""))

    assert "a<b" in [text.text for text in drawn.findall(f"{SVG}text")]


def test_an_svg_is_written_as_it_was_drawn(tmp_path: Path) -> None:
    write_plot(tmp_path / "plot.svg", [PANEL], title="Cost", foot="today")

    assert (tmp_path / "plot.svg").read_text() == draw([PANEL], title="Cost", foot="today")


def test_a_png_without_a_converter_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoConverter, match="install librsvg2-bin"):
        check_plot(tmp_path / "plot.png")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"an \.svg or a \.png file, not plot\.pdf"):
        check_plot(tmp_path / "plot.pdf")
