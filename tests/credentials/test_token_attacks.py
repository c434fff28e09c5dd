"""What attackers do with signatures and headers (RFC 8725): all of it identifies nobody, and nothing else happens."""

from base64 import urlsafe_b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from credentials.attacking import (
    ALL_KEYS,
    GOOD,
    KEY_IDS,
    PRIVATE,
    SECRET,
    assert_refused,
    bare,
    good,
    identify,
    public,
)
from credentials.signing import CLAIMS, KEYS, NOW_MS, ec_key, forged, part, public_pem, rsa_key, signed
from finalex.session.auth import Identity
from finalex.session.tokens import FixedKeys, secret_key

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def raw_signature(token: str) -> bytes:
    text = token.rpartition(".")[2]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def with_signature(token: str, signature: bytes) -> str:
    return f"{token.rpartition('.')[0]}.{part(signature)}"


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_a_good_token_of_each_algorithm_identifies_its_user(algorithm: str) -> None:
    assert identify(good(algorithm)) == Identity(
        "alice", frozenset({"read", "trade"}), NOW_MS + 65_000, token_id="t-1", issued_ms=NOW_MS
    )


# --- algorithms and keys ---


@pytest.mark.parametrize(
    "name", ["none", "None", "NONE", "nOnE", "", None, 5, [], {}, ["HS256"], "hs256", "HS384", "PS256"]
)
def test_no_other_algorithm_is_accepted_signed_or_not(name: object) -> None:
    assert_refused(bare({"alg": name, "typ": "JWT"}))
    assert_refused(bare({"alg": name, "typ": "JWT"}).rpartition(".")[0] + ".")


def test_a_header_without_an_algorithm_is_refused() -> None:
    assert_refused(bare({"typ": "JWT"}))


@pytest.mark.parametrize("algorithm", PRIVATE)
@pytest.mark.parametrize("claimed", PRIVATE)
def test_a_signature_counts_for_its_own_algorithm_alone(algorithm: str, claimed: str) -> None:
    token = good(algorithm)
    header = {"alg": claimed, "typ": "JWT", "kid": KEY_IDS[algorithm]}
    swapped = f"{part(header)}.{token.split('.', 1)[1]}"

    assert_refused(swapped)


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize(
    "spoil", [bytes.strip, lambda pem: pem.strip() + b"\n", lambda pem: pem.replace(b"\n", b"\r\n")]
)
def test_a_public_key_is_no_secret(algorithm: str, spoil: Any) -> None:
    pem = public_pem(PRIVATE[algorithm])
    for key_id in (None, KEY_IDS[algorithm]):
        for secret in (pem, spoil(pem), b""):
            assert_refused(forged({"alg": "HS256", "kid": key_id}, CLAIMS | GOOD, secret))


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_an_empty_or_a_shortened_signature_is_refused(algorithm: str) -> None:
    token = good(algorithm)
    signature = raw_signature(token)

    for shorter in (b"", signature[:-1], signature[1:], signature[:1], signature + b"\0", signature * 2):
        assert_refused(with_signature(token, shorter))


@pytest.mark.parametrize("algorithm", PRIVATE)
@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_token_in_which_one_bit_is_changed_is_refused(algorithm: str, where: int) -> None:
    token = good(algorithm)
    parts = token.split(".")
    changed = bytearray(urlsafe_b64decode(parts[where] + "=="))
    changed[len(changed) // 2] ^= 1
    parts[where] = part(bytes(changed))

    assert_refused(".".join(parts))


# --- elliptic curves ---


def test_signatures_of_zero_and_of_the_order_are_refused() -> None:
    token = good("ES256")
    numbers = (0, 1, P256_ORDER, P256_ORDER - 1, 2**256 - 1)
    for r in numbers:
        for s in numbers:
            assert_refused(with_signature(token, r.to_bytes(32, "big") + s.to_bytes(32, "big")))


def test_the_other_form_of_an_ecdsa_signature_is_the_same_token_and_revoked_with_it() -> None:
    token = good("ES256")
    r, s = (int.from_bytes(half, "big") for half in (raw_signature(token)[:32], raw_signature(token)[32:]))
    other = with_signature(token, r.to_bytes(32, "big") + (P256_ORDER - s).to_bytes(32, "big"))

    assert other != token
    assert identify(other) == identify(token)


def test_a_signature_in_der_is_refused() -> None:
    token = good("ES256")
    der = ec_key().sign(token.rpartition(".")[0].encode(), ECDSA(SHA256()))

    assert decode_dss_signature(der)
    assert_refused(with_signature(token, der))


@pytest.mark.parametrize("point", ["01" + "00" * 31, "00" * 32, "ec" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f"])
def test_eddsa_signatures_of_low_order_are_refused(point: str) -> None:
    token = good("EdDSA")
    for s in (0, ED25519_ORDER, 2**256 - 1):
        assert_refused(with_signature(token, bytes.fromhex(point) + s.to_bytes(32, "little")))


def test_the_other_form_of_an_eddsa_signature_is_refused() -> None:
    token = good("EdDSA")
    signature = raw_signature(token)
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER

    assert_refused(with_signature(token, signature[:32] + s.to_bytes(32, "little")))


# --- header parameters ---


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"b64": True},
        {"jwk": {"kty": "oct", "k": "c2VjcmV0"}},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"typ": "dpop+jwt"},
        {"typ": 5},
        {"typ": None},
    ],
    ids=lambda extra: ",".join(extra),
)
def test_headers_that_change_the_rules_or_bring_a_key_are_refused(extra: dict[str, Any]) -> None:
    assert_refused(bare({"alg": "HS256", "typ": "JWT"} | extra))


def test_headers_that_say_nothing_of_importance_are_ignored() -> None:
    assert identify(bare({"alg": "HS256", "typ": "at+jwt", "cty": "x", "x5t": "y"})).user == "alice"


INJECTIONS = {
    "a path": "../../../../dev/null",
    "another path": "/etc/passwd",
    "a file URL": "file:///dev/null",
    "SQL": "' UNION SELECT 'secret' --",
    "a command": "| sleep 10",
    "a null byte": "rsa-1\0",
    "a template": "{{7*7}}",
    "another case": "RSA-1",
    "spaces": " rsa-1 ",
    "huge": "k" * 5000,
    "a number": 1,
    "a list": ["rsa-1"],
    "an object": {"rsa-1": 1},
    "true": True,
    "a lone surrogate": "\ud800",
}


@pytest.mark.parametrize("key_id", INJECTIONS.values(), ids=INJECTIONS)
def test_a_key_is_found_by_its_exact_name_or_not_at_all(key_id: object) -> None:
    token = good("RS256").split(".")
    assert_refused(".".join([part({"alg": "RS256", "kid": key_id}), *token[1:]]))
    for secret in (b"", b"\0", b"None", str(key_id).encode("utf-8", "replace")):
        assert_refused(forged({"alg": "HS256", "kid": key_id}, CLAIMS | GOOD, secret))


def test_a_token_without_a_key_id_is_not_tried_with_every_key_of_a_set() -> None:
    keys = FixedKeys(public(rsa_key(0), "a"), public(rsa_key(1), "b"))
    assert "not valid" in assert_refused(signed("RS256", rsa_key(0), **GOOD), keys=keys)
    only = FixedKeys(public(rsa_key(0), "a"))
    assert identify(signed("RS256", rsa_key(0), **GOOD), keys=only).user == "alice"


def test_keys_do_not_show_themselves() -> None:
    assert SECRET not in repr(secret_key(SECRET))
    assert SECRET not in str(ALL_KEYS)
