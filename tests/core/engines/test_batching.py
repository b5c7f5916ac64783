"""Faces that several threads ask for are drawn together, and everybody gets their own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.engines.batching import BatchingEngine
from core.engines.eager import TorchEngine
from core.engines.protocol import RenderResult
from core.modeling.registry import Models


class Slow:
    """Draws a latent as one grey: its first number. Notes the size of every batch."""

    name = "slow"

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []
        self.go = threading.Event()
        self.begun = threading.Event()

    def draw(self, latents: Tensor, *, size: int) -> RenderResult:
        self.begun.set()
        self.go.wait(10)
        self.batches.append((len(latents), size))
        if (latents < 0).any():
            raise RuntimeError("out of memory")
        greys = latents[:, 0, 0].numpy().astype(np.uint8)
        return RenderResult(np.repeat(greys[:, None, None, None], 3, axis=3), latents[:, :1, :1, None])


def latent(number: float) -> Tensor:
    return torch.full((1, 23, 512), number)


def ask(engine: BatchingEngine, slow: Slow, numbers: list[float], sizes: list[int]) -> list[object]:
    """The first asks alone; the others while it is drawn."""
    with ThreadPoolExecutor(len(numbers)) as threads:
        asked = [threads.submit(engine.draw, latent(numbers[0]), size=sizes[0])]
        assert slow.begun.wait(10)
        for number, size in zip(numbers[1:], sizes[1:], strict=True):
            asked.append(threads.submit(engine.draw, latent(number), size=size))
        while len(engine._waiting) < len(numbers) - 1:
            threading.Event().wait(0.01)
        slow.go.set()
        return [one.exception() or one.result().pictures[0, 0, 0, 0] for one in asked]


def test_who_comes_while_a_face_is_drawn_is_drawn_together_with_others_of_that_size() -> None:
    slow = Slow()
    engine = BatchingEngine(slow, most=2, patience=0.0)  # type: ignore[arg-type]
    assert ask(engine, slow, [1, 2, 3, 4, 5], [512, 512, 1024, 512, 512]) == [1, 2, 3, 4, 5]
    assert slow.batches[0] == (1, 512)
    assert sorted(slow.batches[1:]) == [(1, 512), (1, 1024), (2, 512)]


def test_an_engine_that_fails_is_told_to_those_it_concerns() -> None:
    slow = Slow()
    engine = BatchingEngine(slow, most=1, patience=0.0)  # type: ignore[arg-type]
    first, second, third = ask(engine, slow, [1, -2, 3], [512] * 3)
    assert (first, third) == (1, 3)
    assert isinstance(second, RuntimeError)


def test_two_threads_get_the_faces_they_would_get_alone(weights_dir: Path) -> None:
    models = Models(weights_dir)
    torch_engine = TorchEngine(models.networks())
    latents = models.generator.sample(2, truncation=0.7, generator=torch.Generator().manual_seed(3)).split(1)
    alone = [torch_engine.draw(one, size=512).pictures.astype(int) for one in latents]
    engine = BatchingEngine(torch_engine, patience=0.2)
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda one: engine.draw(one, size=512).pictures, latents))
    for mine, theirs in zip(together, alone, strict=True):
        assert np.abs(mine - theirs).max() <= 1
    assert engine.name == "torch"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_only_a_gpu_draws_batches(weights_dir: Path, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    from core.engines import selection

    class Pretended(TorchEngine):
        def __init__(self, networks: object, *, device: str = "cpu") -> None:
            self.device = torch.device(device)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: device == "cuda")
    monkeypatch.setattr(selection, "TorchEngine", Pretended)
    found = selection.load_engine(Models(weights_dir), "torch")
    assert isinstance(found, BatchingEngine) == (device == "cuda")
