"""Public keys as they are written: PEM files and JSON Web Key Sets, good ones and poisoned ones."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from credentials.signing import KEYS, NOW_MS, ec_key, ed_key, jwk, key_set, public_pem, rsa_key, signed
from finalex.credentials.key_sets import KEYS_MAX, KeySetError, read_key_set, read_pem_file
from finalex.credentials.public_keys import UnusableKeyError, read_jwk, verification_key
from finalex.session.tokens import FixedKeys, InvalidTokenError, TokenRules, verify_token


def file_of(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "keys.pem"
    path.write_bytes(content)
    return path


# --- PEM ---


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_is_verified_with_a_pem_file(algorithm: str, tmp_path: Path) -> None:
    keys = FixedKeys(*read_pem_file(file_of(tmp_path, public_pem(KEYS[algorithm]()))))

    assert verify_token(signed(algorithm, KEYS[algorithm]()), keys, TokenRules(), NOW_MS)["sub"] == "alice"
    with pytest.raises(InvalidTokenError):
        verify_token(signed(algorithm, KEYS[algorithm](1)), keys, TokenRules(), NOW_MS)


def test_a_file_may_hold_several_keys_and_words_between_them(tmp_path: Path) -> None:
    content = (
        b"the old one:\n" + public_pem(rsa_key(0)) + b"\nthe new ones:\n" + public_pem(ec_key()) + public_pem(ed_key())
    )

    keys = read_pem_file(file_of(tmp_path, content))

    assert [(key.algorithm, key.id) for key in keys] == [("RS256", None), ("ES256", None), ("EdDSA", None)]


def test_a_private_key_in_the_file_is_refused(tmp_path: Path) -> None:
    private = ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    with pytest.raises(KeySetError, match="holds a private key: this server needs the public one"):
        read_pem_file(file_of(tmp_path, public_pem(rsa_key()) + private))


REFUSED_PEM = {
    "nothing": (b"", "must hold 1 to 64 public keys"),
    "no PEM": (b"hello", "must hold 1 to 64 public keys"),
    "binary": (b"\xff\xfe\x00", "must hold 1 to 64 public keys"),
    "too many": (public_pem(ec_key()) * 65, "must hold 1 to 64 public keys"),
    "too large": (b" " * (1 << 17) + public_pem(ec_key()), "must hold 1 to 64 public keys"),
    "damaged": (public_pem(ec_key()).replace(b"M", b"!"), "Key 1 in .* cannot be read"),
    "RSA too small": (public_pem(rsa_key(bits=1024)), "Key 1 in .* has 1024 bits, not 2048 to 8192"),
    "another curve": (public_pem(ec.generate_private_key(ec.SECP384R1())), "is on another curve than P-256"),
    "Ed448": (public_pem(ed448.Ed448PrivateKey.generate()), "is neither RSA nor EC nor Ed25519"),
    "second of two": (public_pem(rsa_key()) + public_pem(rsa_key(bits=1024)), "Key 2 in"),
}


@pytest.mark.parametrize(("content", "says"), REFUSED_PEM.values(), ids=REFUSED_PEM)
def test_other_files_are_refused(content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(KeySetError, match=says):
        read_pem_file(file_of(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeySetError, match=r"keys.pem' cannot be read: No such file"):
        read_pem_file(tmp_path / "keys.pem")


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(UnusableKeyError, match="is neither RSA nor EC nor Ed25519"):
        verification_key(dsa.generate_private_key(1024).public_key())


# --- JSON Web Keys ---


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_json_web_key_is_for_the_algorithm_of_its_kind(algorithm: str) -> None:
    bare = read_jwk(jwk(algorithm, KEYS[algorithm]()))
    full = read_jwk(jwk(algorithm, KEYS[algorithm](), alg=algorithm, use="sig", kid="one", key_ops=["verify"]))

    assert (bare.algorithm, bare.id, full.algorithm, full.id) == (algorithm, None, algorithm, "one")


SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_point_of_small_order_is_no_key(point: str) -> None:
    with pytest.raises(UnusableKeyError, match="small order"):
        verification_key(ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(point)))


def number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


RSA, EC, ED = jwk("RS256", rsa_key()), jwk("ES256", ec_key()), jwk("EdDSA", ed_key())
POISON: dict[str, Any] = {
    "no object": "key",
    "nothing": {},
    "a secret": {"kty": "oct", "k": "c2VjcmV0"},
    "a kind that is a list": RSA | {"kty": ["RSA"]},
    "a private RSA key": RSA | {"d": "AQAB"},
    "a private EC key": EC | {"d": EC["x"]},
    "a private Ed25519 key": ED | {"d": ED["x"]},
    "RSA for HS256": RSA | {"alg": "HS256"},
    "RSA for none": RSA | {"alg": "none"},
    "RSA for RS512": RSA | {"alg": "RS512"},
    "EC for RS256": EC | {"alg": "RS256"},
    "an algorithm that is a list": RSA | {"alg": ["RS256"]},
    "for encryption": RSA | {"use": "enc"},
    "to sign only": RSA | {"key_ops": ["sign"]},
    "operations that are a text": RSA | {"key_ops": "verify"},
    "a kid that is a number": RSA | {"kid": 5},
    "a huge kid": RSA | {"kid": "k" * 257},
    "too short": jwk("RS256", rsa_key(bits=1024)),
    "huge": RSA | {"n": number((1 << 8193) + 1)},
    "a huge exponent": RSA | {"e": number((1 << 64) + 1)},
    "an even modulus": RSA | {"n": number(1 << 2047)},
    "no modulus": {"kty": "RSA", "e": "AQAB"},
    "a modulus that is a list": RSA | {"n": [1]},
    "another curve": EC | {"crv": "P-384"},
    "a point that is not on the curve": EC | {"x": EC["y"]},
    "a point of small order": ED | {"x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "Ed448": ED | {"crv": "Ed448"},
    "X25519": ED | {"crv": "X25519"},
    "no base64": ED | {"x": "!!!!"},
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poisoned_key_is_left_out_and_the_others_are_used(poison: Any) -> None:
    keys, problems = read_key_set(key_set(poison, EC | {"kid": "good"}))

    assert [(key.algorithm, key.id) for key in keys] == [("ES256", "good")]
    assert len(problems) == 1


BROKEN_SETS = {
    "nothing": b"",
    "a page": b"<html>moved</html>",
    "a list": b"[]",
    "no keys": b"{}",
    "keys that are an object": b'{"keys": {}}',
    "not UTF-8": b'{"keys": []}\xff',
    "nested garbage": b'{"keys": ' + b"[" * 200_000,
    "a name twice": b'{"keys": [], "keys": []}',
    "a name twice in a key": key_set(EC).replace(b'"kty": "EC"', b'"kty": "EC", "kty": "RSA"'),
    "too many": json.dumps({"keys": [EC] * (KEYS_MAX + 1)}).encode(),
    "a number of many digits": b'{"keys": ' + b"9" * 100_000 + b"}",
}


@pytest.mark.parametrize("content", BROKEN_SETS.values(), ids=BROKEN_SETS)
def test_what_is_no_key_set_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(KeySetError, match="The key set"):
        read_key_set(content)


def test_a_set_may_withdraw_all_its_keys() -> None:
    assert read_key_set(b'{"keys": []}') == ((), [])
