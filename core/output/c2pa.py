"""Content Credentials (C2PA): an optional signed manifest that says how an image was made.

In:  an encoded JPEG or PNG and a deployment's own certificate with its private key.
Out: the same picture with a manifest: "created, by a trained model", hashed and signed. https://spec.c2pa.org
Wrong: `CredentialsFault` when c2pa-python is not installed or certificate and key do not serve.

Needs the extra `c2pa`. Nothing is fetched: no time stamp from a server, and the certificate is not checked against
anybody's list; whether a viewer trusts it is between the viewer and whoever issued it.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.domain.errors import CredentialsFault
from core.output.images import MADE_BY_A_MODEL, MAKER


@dataclass(frozen=True)
class Credentials:
    """A certificate (PEM, with the chain above it) and its key (PEM, unencrypted)."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Raise CredentialsFault now rather than with the first picture."""
        assert self._tools

    def sign(self, picture: bytes, *, kind: str = "jpeg") -> bytes:
        """The picture with its manifest; about 3 kB and 20 ms more."""
        c2pa, context, signer = self._tools
        signed = io.BytesIO()
        try:
            builder = c2pa.Builder(json.dumps(_manifest()), context)
            builder.sign(signer, f"image/{kind}", io.BytesIO(picture), signed)
        except c2pa.C2paError as cause:
            raise CredentialsFault(reason=str(cause)) from cause
        return signed.getvalue()

    @cached_property
    def _tools(self) -> tuple[Any, Any, Any]:
        """The library, how it is to work, and a signer; they live as long as the process."""
        try:
            import c2pa
        except ImportError as cause:
            raise CredentialsFault(reason="c2pa-python is not installed: pip install 'childface[c2pa]'") from cause
        try:
            certificate, key = self.certificate.read_bytes(), self.key.read_bytes()
            # By default it adds a thumbnail, which is larger than all the rest.
            settings = c2pa.Settings.from_json('{"builder": {"thumbnail": {"enabled": false}}}')
            info = c2pa.C2paSignerInfo(algorithm_of(key).encode(), certificate, key, None)
            return c2pa, c2pa.Context(settings), c2pa.Signer.from_info(info)
        except (OSError, ValueError, c2pa.C2paError) as cause:
            raise CredentialsFault(reason=str(cause)) from cause


def algorithm_of(key: bytes) -> str:
    """C2PA's name of the algorithm for a private key (PEM). Raises ValueError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        loaded = load_pem_private_key(key, password=None)
    except (TypeError, UnsupportedAlgorithm) as cause:
        raise ValueError("the key is encrypted or of an unknown kind") from cause
    if isinstance(loaded, ec.EllipticCurvePrivateKey):
        return {256: "es256", 384: "es384", 521: "es512"}[loaded.key_size]
    if isinstance(loaded, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise ValueError("the key must be of elliptic curves, RSA or Ed25519")


def _manifest() -> dict[str, Any]:
    created = {"action": "c2pa.created", "digitalSourceType": MADE_BY_A_MODEL}
    return {
        "claim_generator_info": [{"name": MAKER}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}],
    }
