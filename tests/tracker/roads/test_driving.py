import numpy as np
import pytest

from tracker.calibration import CELL_M, COLD, Calibration, Cell
from tracker.roads.driving import DRIVEN_KMH, cold_seconds, driven_seconds, edge_cells
from tracker.roads.speeds import ROAD_CLASSES


def test_every_class_of_road_has_a_driven_speed():
    assert set(DRIVEN_KMH) == set(ROAD_CLASSES)


def test_cold_every_edge_takes_a_time_of_cars(graph):
    kmh = np.frombuffer(graph.edge_length_m, np.float32) / cold_seconds(graph) * 3.6

    assert (kmh > 2).all()
    assert (kmh < 100).all()
    assert driven_seconds(graph, COLD) == pytest.approx(cold_seconds(graph), rel=1e-6)


def test_a_learned_square_slows_its_edges_and_no_others(graph):
    row, column, quadrant = edge_cells(graph, CELL_M)
    here = (row == row[0]) & (column == column[0])
    this_way = here & (quadrant == quadrant[0])
    cells = (
        Cell(int(row[0]), int(column[0]), -1, 1.5),
        Cell(int(row[0]), int(column[0]), int(quadrant[0]), 2.0),
    )

    ratio = driven_seconds(graph, Calibration(cells=cells)) / cold_seconds(graph)

    assert ratio[this_way] == pytest.approx(3.0, rel=1e-5)
    assert ratio[here & ~this_way] == pytest.approx(1.5, rel=1e-5)
    assert ratio[~here] == pytest.approx(1.0, rel=1e-5)


def test_the_two_directions_of_a_street_lie_in_opposite_quadrants(graph):
    _, _, quadrant = edge_cells(graph, CELL_M)

    for edge in range(graph.edge_count):
        twin = graph.twin(edge)
        if twin >= 0:
            assert (quadrant[edge] - quadrant[twin]) % 4 == 2
