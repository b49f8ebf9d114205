from __future__ import annotations

import pytest

from simulations.cli import SHIPPED
from simulations.scenarios import ScenarioError, read_scenario


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_scenario_can_be_read_and_says_what_it_is(path):
    scenario = read_scenario(path.name, path.read_text(encoding="utf-8"))

    assert scenario.name
    assert scenario.description


def test_a_misspelt_field_is_refused_by_name():
    with pytest.raises(ScenarioError, match=r"mine\.json: .*unknown field `drop_per_hour` - at `\$\.wishes`"):
        read_scenario("mine.json", '{"name": "x", "wishes": {"drop_per_hour": 3}}')


def test_a_number_out_of_range_is_refused_with_its_place():
    with pytest.raises(ScenarioError, match=r"\$\.duration_s"):
        read_scenario("mine.json", '{"name": "x", "duration_s": -1}')
