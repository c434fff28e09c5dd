"""Tokens that are well signed and say something else, or that are no tokens at all: they identify nobody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credentials.attacking import GOOD, SECRET, assert_refused, bare, good, identify
from credentials.signing import CLAIMS, NOW_S, ed_key, forged, part
from finalex.session.tokens import TokenRules

# --- the text itself ---

TEXTS = {
    "nothing": "",
    "dots": "..",
    "many dots": "." * 8000,
    "two parts": good().rpartition(".")[0],
    "four parts": good() + ".x",
    "encrypted (five parts)": "a.b.c.d.e",
    "padding": good() + "=",
    "a line break": good() + "\n",
    "a space": " " + good(),
    "other alphabet": "+/+/.+/+/.+/+/",
    "not ASCII": "é.é.é",
    "full-width dots": good().replace(".", "．"),
    "a null byte": good() + "\0",
    "a lone surrogate": "\ud800.\ud800.\ud800",
    "the JSON form": json.dumps({"protected": "a", "payload": "b", "signature": "c"}),
    "huge": "a" * 1_000_000,
    "too long by one": good() + "A" * (8193 - len(good())),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_no_token_is_refused(text: str) -> None:
    assert_refused(text)


def test_a_token_may_be_long_and_no_longer() -> None:
    room = 8192 - len(good(note=""))
    longest = good(note="x" * (room * 3 // 4 - 4))

    assert 8150 < len(longest) <= 8192
    assert identify(longest).user == "alice"
    assert_refused(good(note="x" * room))


CONTENTS = {
    "a list": b"[]",
    "a text": b'"alice"',
    "null": b"null",
    "a number": b"5",
    "nothing": b"",
    "not UTF-8": b'{"sub": "\xff"}',
    "UTF-16": json.dumps(CLAIMS).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps({**CLAIMS, **GOOD}).encode(),
    "nested garbage": b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"[",
    "deep nesting": b'{"a":' + b"[" * 5000,
    "a comma too many": b'{"sub": "alice",}',
    "NaN": b'{"sub": "alice", "exp": NaN}',
    "infinity": b'{"sub": "alice", "exp": Infinity}',
    "many digits": b'{"sub": "alice", "exp": ' + b"9" * 5000 + b"}",
    "an exponent": b'{"sub": "alice", "exp": 1e400}',
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_claims_and_headers_that_are_no_object_are_refused(content: bytes) -> None:
    assert_refused(bare({"alg": "HS256"}, content or b" "))
    assert_refused(forged(content, CLAIMS | GOOD, SECRET.encode()))


def doubled(name: str, first: object, second: object) -> bytes:
    whole = json.dumps({**CLAIMS, **GOOD, name: second})
    return ("{" + json.dumps(name) + ":" + json.dumps(first) + "," + whole[1:]).encode()


@pytest.mark.parametrize("name", ["sub", "exp", "scope", "iss", "aud", "jti", "anything"])
def test_a_claim_that_comes_twice_makes_the_token_worthless(name: str) -> None:
    value = (CLAIMS | GOOD).get(name, "x")
    assert_refused(bare({"alg": "HS256"}, doubled(name, "mallory", value)))
    assert_refused(bare({"alg": "HS256"}, doubled(name, value, value)))
    assert_refused(
        bare(
            {"alg": "HS256"},
            doubled(name, value, value).replace(
                b'"' + name.encode(), b'"\\u00%02x' % ord(name[0]) + name[1:].encode(), 1
            ),
        )
    )


def test_a_header_parameter_that_comes_twice_makes_the_token_worthless() -> None:
    assert_refused(bare(b'{"alg": "none", "alg": "HS256"}'))
    assert_refused(bare(b'{"alg": "HS256", "alg": "HS256"}'))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARAMETERS = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x", "sub", "exp", "nbf", "iat", "aud", "jti"])


@given(st.text() | st.lists(st.text(alphabet="AQgw_-.=é", max_size=30), max_size=5).map(".".join))
def test_any_text_at_all_is_refused_and_nothing_else_happens(text: str) -> None:
    assert_refused(text)


@given(header=st.dictionaries(PARAMETERS, JSON_VALUES, max_size=4), claims=st.dictionaries(PARAMETERS, JSON_VALUES))
def test_any_objects_at_all_are_refused_and_nothing_else_happens(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    assert_refused(bare({"alg": "HS256"} | header, claims or b"{}"))


# --- claims ---

REFUSED_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": NOW_S - 6}, "expired"),
    "expired now, with the leeway": ({"exp": NOW_S - 5}, "expired"),
    "without an end": ({"exp": ...}, "'exp'"),
    "an end that is null": ({"exp": None}, "'exp'"),
    "an end that is a text": ({"exp": str(NOW_S + 60)}, "'exp'"),
    "an end that is true": ({"exp": True}, "'exp'"),
    "an end that is a list": ({"exp": [NOW_S + 60]}, "'exp'"),
    "an end before 1970": ({"exp": -1}, "'exp'"),
    "an end beyond all time": ({"exp": 2**62}, "'exp'"),
    "not yet valid": ({"nbf": NOW_S + 6}, "'nbf' is in the future"),
    "a beginning that is a text": ({"nbf": "0"}, "'nbf' is no time"),
    "a beginning that is null": ({"nbf": None}, "'nbf' is no time"),
    "issued in the future": ({"iat": NOW_S + 6}, "'iat' is in the future"),
    "issued at a text": ({"iat": "yesterday"}, "'iat' is no time"),
    "another issuer": ({"iss": "https://evil.example"}, "'iss'"),
    "an issuer that only begins so": ({"iss": "https://issuer.example.evil.example"}, "'iss'"),
    "an issuer with a slash more": ({"iss": "https://issuer.example/"}, "'iss'"),
    "a list of issuers": ({"iss": ["https://issuer.example"]}, "'iss'"),
    "no issuer": ({"iss": ...}, "'iss'"),
    "another audience": ({"aud": "somebody else"}, "'aud'"),
    "an audience that only begins so": ({"aud": "finalex2"}, "'aud'"),
    "other audiences": ({"aud": ["a", "b", 5, None, {}]}, "'aud'"),
    "an audience that is an object": ({"aud": {"finalex": 1}}, "'aud'"),
    "no audience": ({"aud": ...}, "'aud'"),
    "the audience behind thousands": ({"aud": ["x"] * 500 + ["finalex"]}, "'aud'"),
    "no user": ({"sub": ...}, "'sub'"),
    "a user that is a number": ({"sub": 5}, "'sub'"),
    "an account of the exchange": ({"sub": "@fees"}, "'sub'"),
    "a simulated trader": ({"sub": "sim-maker-1"}, "'sub'"),
    "a user with a line break": ({"sub": "alice\nadmin"}, "'sub'"),
    "a user of other letters": ({"sub": "аlice"}, "'sub'"),
    "scopes that are a list": ({"scope": ["trade"]}, "'scope'"),
    "an id that is a number": ({"jti": 5}, "'jti'"),
    "a huge id": ({"jti": "j" * 257}, "'jti'"),
}


@pytest.mark.parametrize(("claims", "says"), REFUSED_CLAIMS.values(), ids=REFUSED_CLAIMS)
@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_a_well_signed_token_with_other_claims_is_refused(claims: dict[str, Any], says: str, algorithm: str) -> None:
    told = {name: value for name, value in (CLAIMS | GOOD | claims).items() if value is not ...}
    if algorithm == "HS256":
        token = bare({"alg": "HS256"}, told)
    else:
        head = f"{part({'alg': 'EdDSA', 'kid': 'ed-1'})}.{part(told)}"
        token = f"{head}.{part(ed_key().sign(head.encode()))}"

    assert says in assert_refused(token)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW_S - 4},
        {"nbf": NOW_S + 5},
        {"iat": NOW_S + 5},
        {"iat": NOW_S - 0.5},
        {"iat": ...},
        {"jti": ...},
        {"aud": ["a", "finalex-staging"]},
        {"anything": {"else": [1, 2]}},
    ],
    ids=str,
)
def test_what_is_within_the_rules_is_accepted(claims: dict[str, Any]) -> None:
    assert identify(good(**claims)).user == "alice"


def test_a_token_for_others_is_refused_by_a_server_that_has_no_name() -> None:
    assert "'aud'" in assert_refused(good(), TokenRules())
    assert identify(good(aud=...), TokenRules()).user == "alice"


def test_further_claims_can_be_asked_for() -> None:
    rules = TokenRules(required=("jti", "tenant"))

    assert "no 'tenant'" in assert_refused(good(aud=...), rules)
    assert "no 'jti'" in assert_refused(good(aud=..., jti=..., tenant="t"), rules)
    assert identify(good(aud=..., tenant="t"), rules).user == "alice"
