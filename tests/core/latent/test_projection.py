"""Refinement keeps the best it saw, stops when it should, tells its progress and can be cancelled."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from core.domain.errors import Cancelled, SettingError
from core.latent.losses import PIXEL_LOSSES, face_mask, weighted_loss
from core.latent.projection import OptimiserName, ProjectionSettings, Projector, clip_stochastically


class FlatPreview(nn.Module):
    """Draws a grey picture whose brightness is the mean of the latent."""

    def forward(self, latent: Tensor) -> Tensor:
        return latent.mean(dim=(1, 2))[:, None, None, None].expand(-1, 3, 256, 256)


class NoNetwork(nn.Module):
    """Stands where no loss asks for features."""


@pytest.fixture
def projector() -> Projector:
    return Projector(
        FlatPreview(),  # type: ignore[arg-type]
        NoNetwork(),  # type: ignore[arg-type]
        w_mean=torch.zeros(4),
        w_scale=torch.ones(4),
        whole=FlatPreview(),
    )


SETTINGS = ProjectionSettings(steps=40, rate=0.1, weights={"pixel": 1.0}, near_start=0.0, near_w=0.0)
GREY = torch.full((1, 3, 256, 256), 0.5)


def test_the_latent_comes_nearer_to_the_photo(projector: Projector) -> None:
    result = projector.project(GREY, torch.zeros(1, 3, 4), settings=SETTINGS)
    assert result.loss < 0.1 * result.start_loss
    assert result.latent.mean().item() == pytest.approx(0.5, abs=0.1)
    assert result.latent.shape == (1, 3, 4)


def test_a_start_that_is_right_already_is_given_back(projector: Projector) -> None:
    start = torch.full((1, 3, 4), 0.5)
    result = projector.project(GREY, start, settings=SETTINGS)
    torch.testing.assert_close(result.latent, start)


def test_it_stops_early_when_nothing_improves(projector: Projector) -> None:
    settings = ProjectionSettings(steps=40, patience=3, weights={"pixel": 1.0})
    result = projector.project(GREY, torch.full((1, 3, 4), 0.5), settings=settings)
    assert result.steps < 10
    assert result.stopped_by == "patience"


def test_no_time_means_one_look_and_the_start(projector: Projector) -> None:
    settings = ProjectionSettings(seconds=0.0, weights={"pixel": 1.0})
    start = torch.zeros(1, 3, 4)
    result = projector.project(GREY, start, settings=settings)
    assert result.stopped_by == "seconds"
    torch.testing.assert_close(result.latent, start)


class DarkPreview(FlatPreview):
    """Draws everything darker than the whole generator does."""

    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent) - 0.3


def test_the_preview_s_colour_error_does_not_reach_the_latent() -> None:
    dark = Projector(
        DarkPreview(),  # type: ignore[arg-type]
        NoNetwork(),  # type: ignore[arg-type]
        w_mean=torch.zeros(4),
        w_scale=torch.ones(4),
        whole=FlatPreview(),
    )
    result = dark.project(GREY, torch.zeros(1, 3, 4), settings=SETTINGS)
    assert result.latent.mean().item() == pytest.approx(0.5, abs=0.1)


def test_progress_rises_to_one(projector: Projector) -> None:
    told: list[float] = []
    projector.project(GREY, torch.zeros(1, 3, 4), settings=SETTINGS, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_it_can_be_cancelled_between_two_steps(projector: Projector) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(Cancelled):
        projector.project(GREY, torch.zeros(1, 3, 4), settings=SETTINGS, cancelled=cancelled)
    assert asked == 4


def test_stochastic_clipping_draws_anew_inside_the_limit_and_leaves_the_rest() -> None:
    torch.manual_seed(0)
    origin = torch.tensor([[[0.5, 1.0, -9.0, -0.5]]])
    moved = torch.tensor([[[0.0, 8.0, 0.0, 0.0]]])
    clip_stochastically(moved, origin, 2.0)
    place = (origin + moved)[0, 0]
    assert place.abs().max() <= 2.0
    assert place[[0, 3]].tolist() == [0.5, -0.5]


def test_tied_style_inputs_move_alike(projector: Projector) -> None:
    start = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(1)) / 10
    settings = ProjectionSettings(steps=10, rate=0.1, weights={"pixel": 1.0}, tied=True)
    moved = projector.project(GREY, start, settings=settings).latent - start
    assert moved.abs().max() > 0.1
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved))


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
def test_every_optimiser_comes_nearer(projector: Projector, name: OptimiserName) -> None:
    settings = ProjectionSettings(steps=40, rate=0.1, weights={"pixel": 1.0}, optimiser=name)
    result = projector.project(GREY, torch.zeros(1, 3, 4), settings=settings)
    assert result.loss < 0.5 * result.start_loss


def test_the_latent_penalty_keeps_near_the_mean(projector: Projector) -> None:
    free = projector.project(GREY, torch.zeros(1, 3, 4), settings=SETTINGS)
    settings = replace(SETTINGS, weights={"pixel": 1.0, "latent-l1": 0.3})
    held = projector.project(GREY, torch.zeros(1, 3, 4), settings=settings)
    assert held.latent.abs().mean() < 0.9 * free.latent.abs().mean()


def test_only_what_the_mask_shows_is_compared(projector: Projector) -> None:
    """The left half is bright, the right half dark; the mask shows the left half."""
    target = torch.full((1, 3, 256, 256), -0.5)
    target[..., :128] = 0.5
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., :128] = 1.0
    result = projector.project(target, torch.zeros(1, 3, 4), mask=mask, settings=SETTINGS)
    assert result.latent.mean().item() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", ["lpips", "vgg", "no-such-loss"])
def test_a_loss_that_is_not_known_or_lacks_its_network_is_refused(projector: Projector, name: str) -> None:
    settings = replace(SETTINGS, weights={name: 1.0})
    with pytest.raises(SettingError) as refused:
        projector.project(GREY, torch.zeros(1, 3, 4), settings=settings)
    assert name in str(refused.value)


@pytest.mark.parametrize("name", ["pixel", "l1", "log-cosh", "colour"])
def test_a_loss_is_nothing_for_the_target_and_grows_with_the_error(name: str) -> None:
    target = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) - 0.5
    loss = PIXEL_LOSSES[name](target, face_mask(64))
    assert loss(target).item() == pytest.approx(0.0, abs=1e-6)
    assert 0 < loss(target + 0.05).item() < loss(target + 0.2).item()


def test_errors_outside_the_face_count_less() -> None:
    target = torch.zeros(1, 3, 64, 64)
    loss = weighted_loss({"pixel": 1.0}, target, face_mask(64), NoNetwork())  # type: ignore[arg-type]
    corner, middle = target.clone(), target.clone()
    corner[..., :8, :8] = 1.0
    middle[..., 28:36, 28:36] = 1.0
    assert loss(corner).item() < 0.3 * loss(middle).item()
