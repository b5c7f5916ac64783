"""How bytes are encrypted: AES-256-GCM after NIST SP 800-38D, with what they belong to as associated data.

cell (a few bytes in a column)   `CFB1` · id of the key (8 bytes) · nonce (12) · ciphertext and tag;
                                 bound to the cell's name
blob (a file)                    `CFB2` · id of the key (8) · nonce (12) · data key, encrypted (48) · nonce (12) ·
                                 ciphertext and tag; bound to the blob's key and to what it is, of whom and of which job

A blob has a data key of its own (envelope encryption), so that another master key needs to encrypt only that one,
without knowing what the blob belongs to. A random 96-bit nonce per message is good for 2**32 messages under one key.
Blobs that were written before they were bound have the form of a cell; they open as they are until they are bound.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import BlobDamaged, WrongKey

CELL, BLOB = b"CFB1", b"CFB2"
_NONCE = 12
_KEY_ID = 8
_TAG = 16
_DATA_KEY = 32
_HEADER = len(CELL) + _KEY_ID + _NONCE
_BLOB_HEADER = _HEADER + _DATA_KEY + _TAG


class Ring:
    """Some keys at some moment: the first encrypts, all of them decrypt."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise WrongKey(expected="at least one key")
        self.keys = tuple(keys)
        self.newest = _key_id(keys[0])
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._derived: dict[str, tuple[bytes, ...]] = {}

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """One key for each of ours; they are asked for with every button, so they are kept."""
        if purpose not in self._derived:
            self._derived[purpose] = tuple(_derived(key, purpose) for key in self.keys)
        return self._derived[purpose]

    def knows(self, sealed: bytes, name: str) -> bool:
        """Whether one of the keys encrypted this."""
        return key_id_of(sealed, name) in self._ciphers

    def is_newest(self, sealed: bytes, name: str) -> bool:
        """Whether the newest key encrypted this."""
        return key_id_of(sealed, name) == self.newest

    def seal(self, name: str, data: bytes) -> bytes:
        """A cell."""
        return CELL + self.newest + self._encrypt(data, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """The reverse of `seal`. Raises `WrongKey`, `BlobDamaged`."""
        if not sealed.startswith(CELL):
            raise BlobDamaged(key=name)
        return self._decrypt(sealed, sealed[_HEADER:], name, name.encode())

    def seal_blob(self, key: str, context: str, data: bytes) -> bytes:
        """The content of a blob's file, bound to `context`."""
        data_key, nonce = secrets.token_bytes(_DATA_KEY), secrets.token_bytes(_NONCE)
        body = AESGCM(data_key).encrypt(nonce, data, _bound(key, context))
        return BLOB + self.newest + self._encrypt(data_key, _of_data_key(key)) + nonce + body

    def open_blob(self, key: str, context: str, sealed: bytes) -> bytes:
        """The reverse of `seal_blob`; one that is not bound yet opens under its key alone.

        Raises `WrongKey`, `BlobDamaged`.
        """
        if is_unbound(sealed):
            return self.open(key, sealed)
        data_key = self._data_key(key, sealed)
        nonce, body = sealed[_BLOB_HEADER : _BLOB_HEADER + _NONCE], sealed[_BLOB_HEADER + _NONCE :]
        return _decrypted(AESGCM(data_key), nonce, body, _bound(key, context), key)

    def renew_blob(self, key: str, sealed: bytes) -> bytes:
        """The same blob under the newest key. Raises `WrongKey`, `BlobDamaged`."""
        if is_unbound(sealed):
            return self.seal(key, self.open(key, sealed))
        data_key = self._data_key(key, sealed)
        return BLOB + self.newest + self._encrypt(data_key, _of_data_key(key)) + sealed[_BLOB_HEADER:]

    def _data_key(self, key: str, sealed: bytes) -> bytes:
        return self._decrypt(sealed, sealed[_HEADER:_BLOB_HEADER], key, _of_data_key(key))

    def _encrypt(self, data: bytes, bound_to: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._ciphers[self.newest].encrypt(nonce, data, bound_to)

    def _decrypt(self, sealed: bytes, body: bytes, name: str, bound_to: bytes) -> bytes:
        cipher = self._ciphers.get(key_id_of(sealed, name))
        if cipher is None:
            raise WrongKey(key=name)
        return _decrypted(cipher, sealed[_HEADER - _NONCE : _HEADER], body, bound_to, name)


def is_unbound(sealed: bytes) -> bool:
    """Whether this blob is of the older form, bound to its key only."""
    return not sealed.startswith(BLOB)


def key_id_of(sealed: bytes, name: str) -> bytes:
    """Which key encrypted this. Raises `BlobDamaged`."""
    if len(sealed) < _HEADER or not sealed.startswith((CELL, BLOB)):
        raise BlobDamaged(key=name)
    return sealed[len(CELL) : len(CELL) + _KEY_ID]


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"childface {purpose}".encode()).derive(key)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"childface blob key id" + key).digest()[:_KEY_ID]


def _bound(key: str, context: str) -> bytes:
    return f"{key} {context}".encode()


def _of_data_key(key: str) -> bytes:
    # Not the blob's key alone: as a cell of that name, a data key must not open.
    return f"data key of {key}".encode()


def _decrypted(cipher: AESGCM, nonce: bytes, body: bytes, bound_to: bytes, name: str) -> bytes:
    try:
        return cipher.decrypt(nonce, body, bound_to)
    except (InvalidTag, ValueError) as error:
        # ValueError: too short for a nonce.
        raise BlobDamaged(key=name) from error
