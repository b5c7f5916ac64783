"""The part of `core.pipeline.ChildPipeline` that tasks use, as a protocol that tests can fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.domain.child_spec import ChildSpec
    from core.latent.latent import Latent
    from core.output.video import Film
    from core.pipeline import Child, Parent

    Pixels = npt.NDArray[np.uint8]

Progress = Callable[[float], Any]
"""Called with 0..1."""


class Pipeline(Protocol):
    """Photos in, child out."""

    @property
    def encoder_version(self) -> str:
        """Part of the key under which latents are kept: another encoder's latents are not ours."""
        ...

    def encode(self, photo: bytes, *, face: int | None = None, drawings: bool = False) -> Parent:
        """Raises PhotoError or FaceError; `face` is an index into the boxes of SeveralFaces.

        `drawings`: take what is no photograph as well, instead of raising NotAPhoto.
        """
        ...

    def average(self, photos: Sequence[Parent]) -> Parent:
        """Several photos of one parent as one parent."""
        ...

    def refine(
        self,
        crop: Pixels,
        start: Latent,
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        seconds: float = 12.0,
        averaged: bool = False,
    ) -> Latent:
        """A latent that draws the crop better than `start`, which is one of several photos or not. Raises Cancelled."""
        ...

    def make(self, mom: Latent, dad: Latent, spec: ChildSpec, *, progress: Progress | None = None) -> Child:
        """Draw the child."""
        ...

    def grow(
        self,
        mom: Latent,
        dad: Latent,
        spec: ChildSpec,
        ages: Sequence[float],
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Child]:
        """Draw the same child at many ages. Raises Cancelled."""
        ...

    def film(
        self,
        mom: Latent,
        dad: Latent,
        spec: ChildSpec,
        ages: Sequence[float],
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[list[Child], Film]:
        """The same child at many ages, and a film of it growing up. Raises Cancelled."""
        ...

    def draw(self, latent: Latent, *, size: int = 1024) -> Pixels:
        """Draw a latent as it is."""
        ...

    def age_face(self, latent: Latent, *, age: float) -> Latent:
        """The person of a latent at another age."""
        ...

    def change_looks(self, latent: Latent, looks: Mapping[str, float]) -> Latent:
        """The person of a latent smiling, with other hair …"""
        ...
