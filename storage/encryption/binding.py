"""What a blob is bound to when it is encrypted: what it is, whose, and of which job.

Whoever can write rows but has no key must not show one person's picture to another: a blob key that was copied into
another row, or a row that was given another owner, does not open (`sealing.py`). All facts named here never change.
"""

from __future__ import annotations


def of_photo(kind: str, owner_id: str, photo_id: str) -> str:
    """A photo as it was sent, or the cut of its face."""
    return f"photo {kind} {owner_id} {photo_id}"


def of_latent(owner_id: str, photo_sha256: str, face: int, encoder_version: str, quality: str) -> str:
    """A face as numbers."""
    return f"latent {owner_id} {photo_sha256} {face} {quality} {encoder_version}"


def of_result(user_id: str, job_id: str) -> str:
    """The picture that a job drew."""
    return f"result {user_id} {job_id}"
