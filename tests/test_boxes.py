"""Boxes: read from replies, compared, scored. Every value here is worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mubench_gen.errors import SettingError
from mubench_gen.images.geometry import area, box_of, iou, mask_of
from mubench_gen.parser.box_formats import FORMATS, box_format, parse_boxes
from mubench_gen.scores.estimand import estimand
from mubench_gen.scores.estimate import mean_estimate
from mubench_gen.scores.grit import grit_score
from mubench_gen.types import Box, Polygon

WIDE = (200, 100)  # an image of 200 × 100 pixels
HERE = Box(20, 10, 60, 50)  # in it: 0.1 to 0.3 across, 0.1 to 0.5 down


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("qwen-vl", "<ref>nucleus</ref><box>(100,100),(300,500)</box>"),
        ("qwen-vl", "<box>( 100, 100 ) , ( 300, 500 )</box>"),
        ("qwen2.5-vl", '```json\n[{"bbox_2d": [20, 10, 60, 50], "label": "nucleus"}]\n```'),
        ("qwen2.5-vl", '[{"bbox_2d": [20, 10, 60, 50], "label": "nuc'),
        ("json-pixels", "[[20, 10, 60, 50]]"),
        ("json-pixels", "[20.0, 10, 6e1, 50]"),
        ("json-pixels", "[60, 50, 20, 10]"),
        ("json-unit", '{"box": [0.1, 0.1, 0.3, 0.5]}'),
        ("json-1000", "The box is [100,100,300,500]."),
        ("json-pixels-yx", "[[10, 20, 50, 60]]"),
        ("json-unit-yx", "[[0.1, 0.1, 0.5, 0.3]]"),
        ("json-1000-yx", '[{"box_2d": [100, 100, 500, 300]}]'),
    ],
)
def test_each_format_has_its_unit_and_axis_order(name: str, reply: str) -> None:
    found = parse_boxes(reply, FORMATS[name], WIDE)
    assert found is not None
    (box,) = found
    assert (box.x0, box.y0, box.x1, box.y1) == pytest.approx((20, 10, 60, 50))


def test_paligemma_counts_to_1024_and_y_comes_first() -> None:
    reply = "<loc0256><loc0128><loc0768><loc0512> nucleus ; <loc0000><loc0000><loc0512><loc1023>"
    assert parse_boxes(reply, FORMATS["paligemma"], WIDE) == (
        Box(25, 25, 100, 75),
        Box(0, 0, 1023 / 1024 * 200, 50),
    )


def test_several_boxes_come_in_the_order_of_the_reply() -> None:
    found = parse_boxes("[[1,2,3,4],[5,6,7,8]]", FORMATS["json-pixels"], WIDE)
    assert found == (Box(1, 2, 3, 4), Box(5, 6, 7, 8))


@pytest.mark.parametrize("reply", ["[]", " [ ]\n", "```json\n[]\n```"])
def test_an_empty_list_says_that_there_is_none(reply: str) -> None:
    assert parse_boxes(reply, FORMATS["json-1000"], WIDE) == ()


@pytest.mark.parametrize(
    "reply",
    ["", "There is no nucleus.", "[1, 2, 3]", "[1, 2, 3, 4, 5]", "<box>(1,2)</box>", "[" * 9999,
     "[NaN, 1, 2, 3]", "[1e999, 1, 2, 3]", "(1, 2), (3, 4)"],
)  # fmt: skip
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_is_not_of_the_format_is_no_box(name: str, reply: str) -> None:
    assert parse_boxes(reply, FORMATS[name], WIDE) is None


def test_a_long_reply_is_read_in_time() -> None:
    reply = "[" + ",".join(["[1, 2, 3, 4]"] * 20_000) + "]" + "[1, 2," * 50_000
    found = parse_boxes(reply, FORMATS["json-pixels"], WIDE)
    assert found is not None
    assert len(found) == 20_000


def test_an_unknown_format_is_told_with_near_names() -> None:
    with pytest.raises(SettingError, match="json-pixels"):
        box_format("json-pixel")


def test_overlap_is_intersection_over_union() -> None:
    # 10 × 10 each, 5 × 5 in common: 25 / (100 + 100 − 25).
    assert iou(Box(0, 0, 10, 10), Box(5, 5, 15, 15)) == pytest.approx(25 / 175)
    assert iou(Box(0, 0, 10, 10), Box(10, 0, 20, 10)) == 0  # they touch
    assert iou(HERE, HERE) == 1
    assert iou(Box(1, 1, 1, 1), Box(1, 1, 1, 1)) == 0
    assert area(HERE) == 1600


def test_a_polygon_has_a_box_and_a_mask() -> None:
    triangle = Polygon((2, 1, 8, 1, 2, 7), "cell")
    assert box_of(triangle) == Box(2, 1, 8, 7, "cell")
    mask = mask_of([triangle, Polygon((9, 9, 11, 9, 11, 11, 9, 11))], (12, 14))
    assert (mask.size, mask.mode) == ((12, 14), "L")
    # The triangle has 7 + 6 + … + 1 pixels, outline included, the square 3 × 3.
    assert mask.histogram()[255] == 28 + 9
    assert mask.getpixel((2, 1)) == 255
    assert mask.getpixel((8, 7)) == 0


HALF = Box(20, 10, 40, 50)  # half of HERE: IoU 0.5
AWAY = Box(100, 60, 120, 80)


@pytest.mark.parametrize(
    ("found", "gold", "score"),
    [
        ([], [], 1.0),
        ([HERE], [], 0.0),
        ([], [HERE], 0.0),
        ([HERE], [HERE], 1.0),
        ([HALF], [HERE], 0.5),
        ([AWAY], [HERE], 0.0),  # 0 / (1 found + 1 missed)
        ([HERE, AWAY], [HERE], 0.5),  # 1 / (2 + 0)
        ([HERE], [HERE, AWAY], 0.5),  # 1 / (1 + 1)
        ([HALF, AWAY], [HERE, Box(0, 0, 5, 5)], 0.5 / 3),  # (2 + 1 missed)
        ([HERE, HERE], [HERE], 0.5),  # the second one has no partner
        ([Box(5, 5, 5, 5)], [HERE], 0.0),
        # 1 / (2 found + 1 missed): of two on one gold box the better is kept.
        ([Box(0, 0, 10, 10), Box(0, 0, 5, 10)], [Box(0, 0, 10, 10), Box(10, 0, 20, 10)], 1 / 3),
    ],
)
def test_grit_scores_equal_those_by_hand(found: Any, gold: Any, score: float) -> None:
    assert grit_score(found, gold) == pytest.approx(score)


def test_grit_pairs_for_the_best_sum_and_not_greedily() -> None:
    # IoU: a–A 0.6, a–B 0.5; b–A 0.5, b–B 0. Greedy takes a–A alone; the best is a–B with b–A.
    def row(*cells: int) -> Box:
        return Box(cells[0], 0, cells[1], 1)

    a, b = row(0, 10), row(-6, 4)
    gold_a, gold_b = row(-2, 8), row(3, 13)
    pairs = iou(a, gold_b) + iou(b, gold_a)
    assert pairs > iou(a, gold_a) + iou(b, gold_b)
    assert grit_score([a, b], [gold_a, gold_b]) == pytest.approx(pairs / 2)


def test_the_interval_of_a_mean_is_students_where_each_image_has_one_item() -> None:
    from scipy.stats import t

    scores = [0.1, 0.5, 0.4, 0.9, 0.3, 0.6, 0.2, 0.7]
    mean = sum(scores) / 8
    deviation = (sum((s - mean) ** 2 for s in scores) / 7) ** 0.5
    half = t.ppf(0.975, 7) * deviation / 8**0.5
    found = mean_estimate(estimand(scores, range(8)))
    assert found is not None
    assert found.ci95 == pytest.approx((mean - half, mean + half))
    assert mean_estimate(estimand([0.4, 0.6], [1, 1])) is None
