"""Signed with a certificate made for the test: the note is there, is whole, and says what made the picture."""

from __future__ import annotations

import datetime
import io
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from core.domain.errors import CredentialsFault
from core.output.c2pa import Credentials
from core.output.images import MADE_BY_A_MODEL, SAID_IN_WORDS, encode_picture
from tests.support.photos.drawn_faces import drawn

c2pa = pytest.importorskip("c2pa")


def certificate(subject: str, key: Any, issuer: str, issuer_key: Any, *, authority: bool) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    may = x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, decipher_only=False, **usage
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(may, True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        .sign(issuer_key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def named(who: str) -> x509.Name:
    names = ((NameOID.ORGANIZATION_NAME, "A deployment"), (NameOID.COMMON_NAME, who))
    return x509.Name([x509.NameAttribute(kind, name) for kind, name in names])


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = certificate("bot", own, "root", root, authority=False)
    chain += certificate("root", root, "root", root, authority=True)
    (tmp_path / "chain.pem").write_bytes(chain)
    plain = serialization.NoEncryption()
    pem = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "key.pem").write_bytes(pem)
    return Credentials(tmp_path / "chain.pem", tmp_path / "key.pem")


def read(data: bytes, kind: str) -> Any:
    return json.loads(c2pa.Reader(f"image/{kind}", io.BytesIO(data)).json())


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_signed_picture_says_that_a_model_made_it_and_is_whole(credentials: Credentials, kind: str) -> None:
    plain = encode_picture(drawn(), kind=kind)  # type: ignore[arg-type]
    signed = credentials.sign(plain, kind=kind)
    told = read(signed, kind)
    manifest = told["manifests"][told["active_manifest"]]
    assert told["validation_state"] == "Valid"
    assert manifest["claim_generator_info"][0]["name"] == "ChildFace"
    assert MADE_BY_A_MODEL in json.dumps(manifest["assertions"])
    assert len(signed) - len(plain) < 50_000
    with Image.open(io.BytesIO(signed)) as picture:
        picture.load()
        assert picture.getexif()[0x010E] == SAID_IN_WORDS


def test_a_pixel_changed_afterwards_is_noticed(credentials: Credentials) -> None:
    signed = bytearray(credentials.sign(encode_picture(drawn(), kind="jpeg")))
    signed[-200] ^= 1
    assert read(bytes(signed), "jpeg")["validation_state"] == "Invalid"


def test_a_key_of_somebody_else_is_refused_with_a_reason(credentials: Credentials, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("not a key")
    with pytest.raises(CredentialsFault):
        credentials.check()
    with pytest.raises(CredentialsFault, match="No such file"):
        Credentials(tmp_path / "nowhere.pem", tmp_path / "key.pem").check()
