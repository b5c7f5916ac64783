"""Batches requests of several threads: a GPU renders eight faces nearly as fast as one.

The first thread that finds nobody drawing waits a moment for others and draws for all who came meanwhile; they wait
for it. Nobody waits for a batch to fill. On a processor a batch takes as long as its members: there it is not used.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.engines.protocol import Engine, FaceFeatures, PreviewAnalysis, RenderResult

MAX_COUNT = 8
"""Faces drawn at once: at 1024 px each takes a third of a gigabyte."""

PATIENCE = 0.005
"""Seconds in which others may join: a tenth of what a GPU needs for one face."""


@dataclass(eq=False)
class _Request:
    latents: Tensor
    size: int
    done: threading.Event = field(default_factory=threading.Event)
    drawn: RenderResult | None = None
    error: BaseException | None = None


class BatchingEngine:
    """Another engine, whose drawings of several threads are brought together."""

    def __init__(self, engine: Engine, *, most: int = MAX_COUNT, patience: float = PATIENCE) -> None:
        self.engine = engine
        self.most = most
        self.patience = patience
        self._waiting: list[_Request] = []
        self._list = threading.Lock()
        self._drawing = threading.Lock()

    @property
    def name(self) -> str:
        """That of the engine."""
        return self.engine.name

    def draw(self, latents: Tensor, *, size: int) -> RenderResult:
        """See `Engine`. What fails, fails for all who were drawn together."""
        wish = _Request(latents, size)
        with self._list:
            self._waiting.append(wish)
        while not wish.done.is_set():
            with self._drawing:
                if not wish.done.is_set():
                    time.sleep(self.patience)
                    self._draw_together()
        if wish.error is not None:
            raise wish.error
        assert wish.drawn is not None
        return wish.drawn

    def preview(self, latents: Tensor) -> Tensor:
        """See `Engine`."""
        return self.engine.preview(latents)

    def face(self, latents: Tensor) -> Tensor:
        """See `Engine`."""
        return self.engine.face(latents)

    def look(self, latents: Tensor) -> PreviewAnalysis:
        """See `Engine`."""
        return self.engine.look(latents)

    def encode(self, faces: Tensor) -> Tensor:
        """See `Engine`."""
        return self.engine.encode(faces)

    def extract_features(self, chips: Tensor) -> FaceFeatures:
        """See `Engine`."""
        return self.engine.extract_features(chips)

    def nsfw_logits(self, pictures: Tensor) -> Tensor:
        """See `Engine`."""
        return self.engine.nsfw_logits(pictures)

    def _draw_together(self) -> None:
        """Draw the oldest wish, and as many others of its size as there is room for."""
        together = self._taken()
        try:
            drawn = self.engine.draw(torch.cat([wish.latents for wish in together]), size=together[0].size)
        except BaseException as error:
            for wish in together:
                wish.error = error
        else:
            start = 0
            for wish in together:
                end = start + len(wish.latents)
                wish.drawn = RenderResult(drawn.pictures[start:end], drawn.faces[start:end])
                start = end
        finally:
            for wish in together:
                wish.done.set()

    def _taken(self) -> list[_Request]:
        with self._list:
            first = self._waiting.pop(0)
            taken, count = [first], len(first.latents)
            for wish in list(self._waiting):
                if wish.size == first.size and count + len(wish.latents) <= self.most:
                    self._waiting.remove(wish)
                    taken.append(wish)
                    count += len(wish.latents)
            return taken
