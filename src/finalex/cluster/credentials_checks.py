"""What all nodes of an exchange must have in common, compared without sending it: token secret and pepper."""

import hmac
from pathlib import Path

from finalex.cluster.credentials_bucket import CredentialBucket, CredentialsError
from finalex.cluster.credentials_entries import PEPPER_CHECK, SECRET_CHECK, Check
from finalex.cluster.credentials_files import CredentialFiles
from finalex.credentials.pepper import PEPPER_FILE_NAME, Pepper, PepperError, stored_pepper
from finalex.credentials.secret import Secret


def secret_check(secret: Secret) -> bytes:
    """Return what tells this token secret from another, and is of no use to whoever reads it: an HMAC of a constant."""
    return hmac.digest(secret.reveal().encode(), b"finalex token secret check", "sha256")


async def agree_on_secret(bucket: CredentialBucket, secret: Secret, node: str) -> None:
    """Let this be the secret that signs tokens if no node had one before; raises `CredentialsError` if it is another.

    Nodes that take tokens of an issuer alone have none, and need not agree.
    """
    kept = await _claim(bucket, SECRET_CHECK, Check(value=secret_check(secret), node=node))
    if kept.value != secret_check(secret):
        raise CredentialsError(differing_secret(kept))


async def adopt_secret(bucket: CredentialBucket, secret: Secret, node: str) -> None:
    """Let this be the secret that nodes must have from now on, whatever it was before."""
    await bucket.change(SECRET_CHECK, lambda _: Check(value=secret_check(secret), node=node))


async def compare_secret(bucket: CredentialBucket, secret: Secret) -> None:
    """Raise `CredentialsError` if the nodes have another secret than this."""
    check = await _kept(bucket, SECRET_CHECK)
    if check is not None and check.value != secret_check(secret):
        raise CredentialsError(differing_secret(check))


def differing_secret(check: Check) -> str:
    """Return what to do about a secret that differs."""
    return (
        f"The secret that signs tokens is not the one of this exchange's other nodes, which '{check.node}' brought: "
        "set the same 'jwt_secret' on all of them, or copy its file 'jwt-secret' into the data directory. If the "
        "secret is to change, run 'finalex token adopt' with the new one, then restart the nodes."
    )


async def agree_on_pepper(bucket: CredentialBucket, files: CredentialFiles, node: str) -> None:
    """Let the pepper among `files`, if there is one, be the exchange's if it had none.

    Raises `CredentialsError` if the exchange's keys are hashed with another one, and `OSError` if that cannot be told.
    """
    pepper = own_pepper(files.directory)
    if pepper is None:
        check = await _kept(bucket, PEPPER_CHECK)
        if check is not None:
            raise CredentialsError(differing_pepper(check, files.directory))
        return
    if await files.pepper_check() not in (None, pepper.check):
        raise CredentialsError(f"The API keys in '{files.directory}' were hashed with another pepper than is there.")
    await claim_pepper(bucket, pepper, files.directory, node)


async def claim_pepper(bucket: CredentialBucket, pepper: Pepper, directory: Path, node: str) -> None:
    """Let `pepper` be the exchange's if it had none; raises `CredentialsError` if it has another."""
    check = await _claim(bucket, PEPPER_CHECK, Check(value=pepper.check, node=node))
    if check.value != pepper.check:
        raise CredentialsError(differing_pepper(check, directory))


def own_pepper(directory: Path) -> Pepper | None:
    """Return the pepper in `directory`, or `None` if there is none; raises `CredentialsError`."""
    if not (directory / PEPPER_FILE_NAME).exists():
        return None
    try:
        return stored_pepper(directory, make=False)
    except PepperError as error:
        raise CredentialsError(f"API keys cannot be used: {error.strerror}.") from None


def pepper_problem(check: Check, directory: Path) -> str:
    """Return why API keys cannot be checked with the pepper in `directory`; empty if they can."""
    pepper = own_pepper(directory)
    return "" if pepper is not None and pepper.check == check.value else differing_pepper(check, directory)


def differing_pepper(check: Check, directory: Path) -> str:
    """Return what to do about a pepper that differs, or is missing."""
    return (
        f"The API keys of this exchange are hashed with the pepper that '{check.node}' brought, and '{directory}' "
        f"does not have it: copy the file '{PEPPER_FILE_NAME}' there from that node's data directory (mode 0600)."
    )


async def _kept(bucket: CredentialBucket, name: str) -> Check | None:
    found = await bucket.find(name)
    return found.content if found is not None and isinstance(found.content, Check) else None


async def _claim(bucket: CredentialBucket, name: str, ours: Check) -> Check:
    """Return the check that counts: the one that is there, else ours, which then is."""
    kept = await _kept(bucket, name)
    while kept is None:
        await bucket.change(name, lambda content: None if isinstance(content, Check) else ours)
        kept = await _kept(bucket, name)
    return kept
