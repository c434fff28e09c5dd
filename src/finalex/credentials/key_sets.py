"""Sets of public keys as they are written: PEM files, and JSON Web Key Sets."""

import json
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from finalex.credentials.public_keys import UnusableKeyError, read_jwk, verification_key
from finalex.session.tokens import VerificationKey

KEYS_MAX = 64
"""Keys of one set."""

PEM_BYTES_MAX = 1 << 17
_BEGIN = "-----BEGIN "


class KeySetError(Exception):
    """A set of keys that cannot be used; the text is a sentence for the operator."""


def read_pem_file(path: Path) -> tuple[VerificationKey, ...]:
    """Return the public keys in a file, one `PUBLIC KEY` block after the other; raises `KeySetError`."""
    try:
        with path.open("rb") as file:
            content = file.read(PEM_BYTES_MAX + 1)
        text = content.decode("ascii")
    except OSError as error:
        raise KeySetError(f"The public keys in '{path}' cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = ""
    if "PRIVATE KEY" in text:
        raise KeySetError(f"'{path}' holds a private key: this server needs the public one, and must not have it.")
    blocks = text.split(_BEGIN)[1:] if len(content) <= PEM_BYTES_MAX else []
    if not 0 < len(blocks) <= KEYS_MAX:
        raise KeySetError(f"'{path}' must hold 1 to {KEYS_MAX} public keys, each from {_BEGIN}PUBLIC KEY----- on.")
    return tuple(_read_pem(_BEGIN + block, number, path) for number, block in enumerate(blocks, 1))


def _read_pem(block: str, number: int, path: Path) -> VerificationKey:
    try:
        return verification_key(load_pem_public_key(block.encode("ascii")))
    except UnusableKeyError as error:
        reason = str(error)
    except (ValueError, UnsupportedAlgorithm):
        reason = "cannot be read"
    raise KeySetError(f"Key {number} in '{path}' {reason}; RSA, EC (P-256) and Ed25519 keys can be used.")


def read_key_set(content: bytes) -> tuple[tuple[VerificationKey, ...], list[str]]:
    """Return the usable keys of a JSON Web Key Set (RFC 7517), and of each other one why it is none.

    Raises `KeySetError` if the whole is no such set; so is one in which a name comes twice.
    """
    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise KeySetError("The key set is not valid JSON.") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise KeySetError(f"The key set must have a list 'keys' of at most {KEYS_MAX}.")
    keys, problems = [], []
    for jwk in listed:
        try:
            keys.append(read_jwk(jwk))
        except UnusableKeyError as error:
            problems.append(str(error))
    return tuple(keys), problems


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found
