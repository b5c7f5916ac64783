"""The age asked is solved for; everything by which a face differs from its age's mean is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from core.age_estimate import AgeEstimate, to_growth, to_years
from core.ageing import (
    KNOTS,
    NEAR_ENOUGH,
    AgeModel,
    Ager,
    aim_at,
    clear_at,
    crossing,
    growth_of,
    load_ageing,
    next_growth,
    sure_at,
)
from core.generator import STYLES, WIDTH
from core.loading import SHIPPED


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
    seen_age, seen_male = model.read(aged.latent)
    assert seen_age.item() == pytest.approx(aim_at(age, male=male), abs=0.6)
    if age >= 3:
        assert (seen_male.item() > 0) == male


def test_aims_rise_with_the_age_asked() -> None:
    for male in (False, True):
        aims = [aim_at(age, male=male) for age in range(91)]
        assert aims == sorted(aims) and aims[0] == 0 and aims[-1] <= 90


def test_nobody_is_as_sure_of_a_child_s_sex_as_of_a_grown_up_s() -> None:
    assert [clear_at(age) for age in (3, 6, 14, 40)] == pytest.approx([0.65, 0.65, 0.8, 0.8])


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
    assert aged.latent[0, :, 5].tolist() == pytest.approx([1.5] * STYLES, abs=1e-4)


def test_a_face_of_the_age_asked_hardly_moves(model: AgeModel) -> None:
    start = face(model, age=20, male=0.0, own=1.0)
    aged = Ager(model).solve(start, age=20, male=False)
    assert (aged.latent - start).abs().max() < 0.2


def test_the_same_question_has_the_same_answer(model: AgeModel) -> None:
    start = face(model, age=30, male=1.0, own=0.5)
    first, second = (Ager(model).solve(start, age=8, male=True).latent for _ in range(2))
    assert torch.equal(first, second)


def looks(age: float, male: float = 0.0) -> Callable[[Tensor], AgeEstimate]:
    return lambda _: AgeEstimate(age=age, error=1.0, male=male)


def after(first: float, then: float) -> Callable[[Tensor], AgeEstimate]:
    ages = iter([first, then])
    return lambda _: AgeEstimate(age=next(ages), error=1.0, male=0.0)


def test_an_estimate_that_jumps_does_not_lead_astray(model: AgeModel) -> None:
    ager, start = Ager(model), face(model, age=30, male=0.0)
    aged = ager.solve(start, age=20, male=False)
    answers = iter([26.0, 45.0, 4.0, 60.0])
    kept = ager.correct(
        start, aged, age=20, male=False, seen=lambda _: AgeEstimate(age=next(answers), error=1.0, male=0.0)
    )
    assert kept is aged


def test_a_look_at_the_picture_walks_on_by_what_was_missing(model: AgeModel) -> None:
    ager, start = Ager(model), face(model, age=30, male=0.0)
    aged = ager.solve(start, age=6, male=False)
    older = ager.correct(start, aged, age=6, male=False, seen=after(4.0, 6.0))
    younger = ager.correct(start, aged, age=6, male=False, seen=after(9.0, 6.0))
    assert younger.curve_age < aged.curve_age < older.curve_age


def test_a_face_that_jumps_from_baby_to_man_is_found_between_the_two(model: AgeModel) -> None:
    """As one real couple's boy did: solved for ten he looked forty, and two looks did not find the boy."""
    ager, start = Ager(model), face(model, age=30, male=1.0)
    aged = ager.solve(start, age=10, male=True)
    jump = growth_of(4.0)  # what the reader takes for four is where this face grows up at once

    def seen(latent: Tensor) -> AgeEstimate:
        growth = float(latent[0, 0, 0])
        shown = growth if growth < jump else growth + 2 * (growth - jump)
        return AgeEstimate(age=float(to_years(torch.tensor(shown))), error=1.0, male=0.9)

    assert seen(aged.latent).age > 20
    found = ager.correct(start, aged, age=10, male=True, seen=seen)
    assert abs(seen(found.latent).age - 10) < 3.5


def test_a_childs_sex_need_not_show_as_a_grown_ups() -> None:
    assert sure_at(4) < sure_at(10) < sure_at(18) == sure_at(60)


def test_the_next_try_lies_between_too_young_and_too_old() -> None:
    tried = [(0.6, 1.4), (0.0, 0.1)]
    assert 0.0 < next_growth(tried, 0.6) < 0.6
    assert next_growth([*tried, (0.5, 0.2)], 0.6) == pytest.approx(0.55, abs=0.04)


def test_a_second_look_walks_further_where_the_curve_is_flat(model: AgeModel) -> None:
    ager, start = Ager(model), face(model, age=30, male=0.0)
    aged = ager.solve(start, age=6, male=False)
    slow = 0.5  # this face grows more slowly than the curve says

    def seen(latent: Tensor) -> AgeEstimate:
        growth = float(latent[0, 0, 0]) * slow
        return AgeEstimate(age=float(to_years(torch.tensor(growth))), error=1.0, male=0.0)

    once, twice = (ager.correct(start, aged, age=6, male=False, seen=seen, looks=looks) for looks in (2, 3))
    assert abs(seen(twice.latent).age - 6) < abs(seen(once.latent).age - 6) < abs(seen(aged.latent).age - 6)
    assert seen(twice.latent).age == pytest.approx(6, abs=NEAR_ENOUGH * 6)


def test_a_girl_who_looks_like_a_boy_is_moved_further(model: AgeModel) -> None:
    ager, start = Ager(model), face(model, age=30, male=0.0)
    aged = ager.solve(start, age=6, male=False)
    answers = iter([AgeEstimate(6.0, 1.0, 0.7), AgeEstimate(6.0, 1.0, 0.05)])
    corrected = ager.correct(start, aged, age=6, male=False, seen=lambda _: next(answers))
    assert corrected.curve_male < aged.curve_male
    assert corrected.curve_age == aged.curve_age


def test_nobody_can_tell_a_baby_s_sex_so_it_is_not_corrected(model: AgeModel) -> None:
    ager, start = Ager(model), face(model, age=30, male=0.0)
    aged = ager.solve(start, age=1, male=False)
    assert ager.correct(start, aged, age=1, male=False, seen=looks(1.0, male=0.7)) is aged


def test_a_picture_that_looks_right_is_left_alone(model: AgeModel) -> None:
    ager, start = Ager(model), face(model, age=30, male=0.0)
    aged = ager.solve(start, age=6, male=False)
    assert ager.correct(start, aged, age=6, male=False, seen=looks(6.3)) is aged


def test_style_inputs_outside_the_profile_keep_their_colours(model: AgeModel) -> None:
    model.profile[16:] = 0.0
    start = face(model, age=33, male=0.0, own=1.0)
    aged = Ager(model).solve(start, age=6, male=False)
    torch.testing.assert_close(aged.latent[:, 16:], start[:, 16:])


def test_growth_and_years_are_inverse() -> None:
    ages = torch.tensor([0.0, 1.0, 7.0, 30.0, 90.0])
    torch.testing.assert_close(to_years(to_growth(ages)), ages, rtol=1e-5, atol=1e-5)


def test_crossing_lies_between_the_samples_or_at_the_nearest() -> None:
    at = torch.tensor([0.0, 10.0, 20.0])
    assert crossing(at, torch.tensor([1.0, 3.0, 5.0]), 4.0) == pytest.approx(15.0)
    assert crossing(at, torch.tensor([1.0, 3.0, 5.0]), 9.0) == 20.0
    assert crossing(at, torch.tensor([1.0, 3.0, 5.0]), 0.0) == 0.0
