"""The report on moves counts errors by the age that was asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.data.face_measures import COLOURS, GRID, REGIONS, bridge_edges, region_colours
from training.reports.age_editing import by_band


def test_errors_are_counted_by_the_age_asked() -> None:
    scores = by_band(np.array([6.0, 6.0, 70.0]), np.array([5.0, 9.0, 64.0]), np.array([True, False, True]))
    assert (scores["mae_5_8"], scores["bias_5_8"]) == (2.0, 1.0)
    assert (scores["mae_61_90"], scores["bias_61_90"]) == (6.0, -6.0)
    assert (scores["mae_1_12"], scores["mae_above"]) == (2.0, 6.0)
    assert "mae_9_12" not in scores


def test_below_four_years_nobody_must_look_like_a_girl_or_a_boy() -> None:
    assert by_band(np.array([2.0, 8.0]), np.array([2.0, 8.0]), np.array([False, True]))["sex"] == 1.0


@pytest.mark.parametrize("region", list(REGIONS))
def test_a_region_s_colour_is_that_of_its_cells(region: str) -> None:
    picture = -torch.ones(3, 16 * GRID, 16 * GRID)
    for row, column in REGIONS[region]:
        picture[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = 1
    colours = dict(zip(COLOURS, region_colours(picture).tolist(), strict=True))
    assert colours.pop(f"{region}_L") == pytest.approx(100, abs=0.1)
    assert max(map(abs, colours.values())) < 0.1


def test_a_dark_line_across_the_nose_counts_as_glasses() -> None:
    torch.manual_seed(0)
    bare = torch.linspace(-0.5, 0.5, 256).expand(3, 256, 256).clone()
    with_glasses = bare.clone()
    with_glasses[:, 114:118, 60:196] = -1
    assert bridge_edges(with_glasses) > 3 * bridge_edges(bare)
