"""The file in a data directory that says which NATS its processes use, for commands that know the directory alone."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from finalex.bus.address import BusAddress
from finalex.bus.names import Names

BUS_FILE_NAME = "nats.json"


class BusFileError(OSError):
    """The file cannot be used; the text is a sentence for the operator."""


class _Content(msgspec.Struct, frozen=True):
    cluster: str
    servers: tuple[str, ...]
    user: str | None = None
    password: str | None = None


def write_bus_file(directory: Path, address: BusAddress, names: Names) -> None:
    """Write (mode 0600) where a NATS server is that was started for this directory; raises `BusFileError`."""
    content = _Content(names.cluster, address.servers, address.user, address.password)
    path, new = directory / BUS_FILE_NAME, directory / f".{BUS_FILE_NAME}-{os.getpid()}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(content))
        os.replace(new, path)
    except OSError as error:
        raise BusFileError(f"'{path}' cannot be written: {error.strerror}.") from None


def read_bus_file(directory: Path) -> tuple[BusAddress, Names] | None:
    """Return where NATS is and what everything is called there, if the directory says so; raises `BusFileError`."""
    path = directory / BUS_FILE_NAME
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_Content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BusFileError(f"'{path}' cannot be read: {error.strerror}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BusFileError(f"'{path}' is damaged: {error}.") from None
    address = BusAddress(servers=content.servers, user=content.user, password=content.password)
    return address, Names(content.cluster)


def remove_bus_file(directory: Path) -> None:
    """Take the file away, if it is there: one process does everything from now on."""
    with suppress(OSError):
        (directory / BUS_FILE_NAME).unlink(missing_ok=True)
