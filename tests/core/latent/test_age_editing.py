"""The age asked is solved for; everything by which a face differs from its age's mean is kept."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from core.face.age_estimator import to_growth, to_years
from core.latent.age_editing import (
    KNOTS,
    AgeModel,
    Ager,
    aim_at,
    crossing,
    load_ageing,
    sure_at,
)
from core.modeling.generator import STYLES, WIDTH
from core.modeling.weights_io import SHIPPED


class StraightReader(nn.Module):
    """Reads growth from the first input and sex from the second, so that every answer can be worked out by hand."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([inputs[:, :2], torch.zeros(len(inputs), 1)], dim=1)


@pytest.fixture
def model() -> AgeModel:
    """A world in which growth lies along the first style direction and maleness along the second."""
    made = AgeModel(rank=2)
    made.reader = StraightReader()  # type: ignore[assignment]
    for sex in (0, 1):
        made.curve[sex, :, 0] = to_growth(torch.tensor(KNOTS))
        made.curve[sex, :, 1] = 8.0 * sex - 4.0
    return made.eval()


def face(model: AgeModel, *, age: float, male: float, own: float = 0.0) -> Tensor:
    style = model.mean_style(torch.tensor([age]), torch.tensor([male]))
    style[:, 5] += own
    return style[:, None].expand(1, STYLES, WIDTH).clone()


@pytest.mark.parametrize("age", [0.0, 1.0, 6.0, 12.5, 40.0, 85.0])
@pytest.mark.parametrize("male", [False, True])
def test_the_reader_sees_the_sex_that_was_asked_and_the_age_aimed_at(model: AgeModel, age: float, male: bool) -> None:
    aged = Ager(model).solve(face(model, age=33, male=1.0), age=age, male=male)
    seen_age, seen_male = model.read(aged)
    assert seen_age.item() == pytest.approx(aim_at(age, male=male), abs=0.6)
    if age >= 3:
        assert (seen_male.item() > 0) == male


def test_aims_rise_with_the_age_asked() -> None:
    for male in (False, True):
        aims = [aim_at(age, male=male) for age in range(91)]
        assert aims == sorted(aims) and aims[0] == 0 and aims[-1] <= 90


def test_reading_what_a_move_would_give_agrees_with_moving_and_reading() -> None:
    shipped = load_ageing(SHIPPED)
    rng = torch.Generator().manual_seed(4)
    latent = shipped.w_mean + 0.4 * torch.randn(1, STYLES, WIDTH, generator=rng)
    ages = torch.linspace(0, 90, 7)
    way = {
        "age_from": torch.full_like(ages, 33.0),
        "male_from": torch.full_like(ages, 0.2),
        "age_to": ages,
        "male_to": torch.ones_like(ages),
    }
    with torch.no_grad():
        moved = shipped.read_growth(shipped.move(latent, **way))
        for quick, slow in zip(shipped.read_moved(latent, **way), moved, strict=True):
            torch.testing.assert_close(quick, slow, rtol=1e-3, atol=1e-3)


def test_what_makes_the_person_that_person_stays(model: AgeModel) -> None:
    aged = Ager(model).solve(face(model, age=33, male=0.0, own=1.5), age=6, male=False)
    assert aged[0, :, 5].tolist() == pytest.approx([1.5] * STYLES, abs=1e-4)


def test_a_face_of_the_age_asked_hardly_moves(model: AgeModel) -> None:
    start = face(model, age=20, male=0.0, own=1.0)
    aged = Ager(model).solve(start, age=20, male=False)
    assert (aged - start).abs().max() < 0.2


def test_the_same_question_has_the_same_answer(model: AgeModel) -> None:
    start = face(model, age=30, male=1.0, own=0.5)
    first, second = (Ager(model).solve(start, age=8, male=True) for _ in range(2))
    assert torch.equal(first, second)


def test_a_childs_sex_need_not_show_as_a_grown_ups() -> None:
    assert sure_at(4) < sure_at(10) < sure_at(18) == sure_at(60)


def test_style_inputs_outside_the_profile_keep_their_colours(model: AgeModel) -> None:
    model.profile[16:] = 0.0
    start = face(model, age=33, male=0.0, own=1.0)
    aged = Ager(model).solve(start, age=6, male=False)
    torch.testing.assert_close(aged[:, 16:], start[:, 16:])


def test_growth_and_years_are_inverse() -> None:
    ages = torch.tensor([0.0, 1.0, 7.0, 30.0, 90.0])
    torch.testing.assert_close(to_years(to_growth(ages)), ages, rtol=1e-5, atol=1e-5)


def test_crossing_lies_between_the_samples_or_at_the_nearest() -> None:
    at = torch.tensor([0.0, 10.0, 20.0])
    assert crossing(at, torch.tensor([1.0, 3.0, 5.0]), 4.0) == pytest.approx(15.0)
    assert crossing(at, torch.tensor([1.0, 3.0, 5.0]), 9.0) == 20.0
    assert crossing(at, torch.tensor([1.0, 3.0, 5.0]), 0.0) == 0.0
