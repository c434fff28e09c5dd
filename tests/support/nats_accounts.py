"""A NATS operator of a test: who signs accounts, which sign users, whose `.creds` files let them in."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]


class KeyOwner:
    """An operator, an account or a user: a key, and what its owner signs."""

    def __init__(self, prefix: int) -> None:
        self.seed: bytes = nkeys.encode_seed(os.urandom(32), prefix)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def sign(self, subject: "KeyOwner", name: str, said: dict[str, Any]) -> str:
        """Return a JWT in which this owner says something of `subject`."""
        claims: dict[str, Any] = {"iat": 1, "iss": self.public, "sub": subject.public, "name": name, "nats": said}
        claims["jti"] = base64.b32encode(hashlib.sha256(json.dumps(claims).encode()).digest()).decode().strip("=")
        signed = f"{_encoded({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_encoded(claims)}"
        return f"{signed}.{_base64(self._pair.sign(signed.encode()))}"


class Operator:
    """An operator with one account that may use JetStream, and what its servers' configuration says."""

    def __init__(self) -> None:
        self._key = KeyOwner(nkeys.PREFIX_BYTE_OPERATOR)
        self._account = KeyOwner(nkeys.PREFIX_BYTE_ACCOUNT)
        self._system = KeyOwner(nkeys.PREFIX_BYTE_ACCOUNT)

    @property
    def configuration(self) -> str:
        """What a server must know."""
        of_itself = self._key.sign(
            self._key, "operator", {"type": "operator", "version": 2, "system_account": self._system.public}
        )
        limits = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "leaf": -1}
        stores = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        said = {"type": "account", "version": 2, "limits": limits | stores | {"wildcards": True}}
        account = self._key.sign(self._account, "finalex", said)
        system = self._key.sign(self._system, "SYS", {"type": "account", "version": 2, "limits": limits})
        return (
            f"operator: {of_itself}\nresolver: MEMORY\nresolver_preload: "
            f"{{ {self._account.public}: {account}, {self._system.public}: {system} }}\n"
        )

    def credentials(self, file: Path) -> Path:
        """Write the `.creds` file of a new user, and return it."""
        user = KeyOwner(nkeys.PREFIX_BYTE_USER)
        said = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}
        jwt = self._account.sign(user, "gateway", said)
        file.write_text(
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            "************************* IMPORTANT *************************\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
        )
        return file


def _encoded(said: dict[str, Any]) -> str:
    return _base64(json.dumps(said, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
