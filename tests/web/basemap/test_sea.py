import numpy as np
import shapely

from web.basemap.sea import sea_polygons

BOX = (0.0, 0.0, 1.0, 1.0)


def coast(*lines) -> np.ndarray:
    return np.array([shapely.LineString(line) for line in lines], dtype=object)


def area(sea) -> float:
    return float(shapely.area(shapely.union_all(sea)))


def test_the_sea_lies_on_the_right_of_the_coast():
    southward = [(0.25, -0.1), (0.25, 1.1)]

    # y runs south: who walks south has the west on the right.
    assert shapely.bounds(shapely.union_all(sea_polygons(coast(southward), BOX))).tolist() == [0, 0, 0.25, 1]
    assert area(sea_polygons(coast(southward[::-1]), BOX)) == 0.75


def test_an_island_is_left_out_of_the_sea():
    # Land on the left: anticlockwise on a screen.
    island = [(0.4, 0.4), (0.4, 0.6), (0.6, 0.6), (0.6, 0.4), (0.4, 0.4)]

    assert area(sea_polygons(coast(island), BOX)) == 0.96


def test_a_coast_that_stops_just_short_of_the_edge_is_led_on():
    assert area(sea_polygons(coast([(0.25, 0.02), (0.25, 0.5)], [(0.25, 0.5), (0.25, 0.99)]), BOX)) == 0.25


def test_a_coast_that_ends_in_the_middle_closes_nothing():
    assert area(sea_polygons(coast([(0.25, -0.1), (0.25, 0.5)]), BOX)) == 0


def test_without_a_coast_there_is_no_sea():
    assert len(sea_polygons(coast(), BOX)) == 0
