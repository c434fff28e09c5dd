"""The settings of an exchange of many processes: where NATS is, what this node is called, how long to wait."""
# ruff: noqa: RUF009 (the calls in the dataclass return its fields)

from dataclasses import dataclass
from pathlib import Path

from finalex.bus.address import BusAddress
from finalex.bus.names import Names
from finalex.credentials.secret import PasswordText, Secret
from finalex.credentials.setting_kinds import OptionalPath
from finalex.market_settings import MarketSettings
from finalex.settings.declaration import setting
from finalex.settings.kinds import Integer, Several, Switch
from finalex.settings.nodes import NatsServer, OptionalWord, Word

_MS = "milliseconds"


@dataclass(frozen=True, kw_only=True)
class ClusterSettings(MarketSettings):
    """Settings of the roles `engine` and `gateway`, and of `serve --workers`."""

    workers: int = setting(
        Integer(0, 256),
        0,
        "Gateways that `finalex serve` starts on its port, beside an engine and a NATS server of its own; 0: one "
        "process does everything.",
    )
    reuse_port: bool = setting(
        Switch(),
        False,
        "Whether other gateways of the same user may listen on `port`, too: the system spreads clients among them.",
    )
    nats: tuple[str, ...] = setting(
        Several(NatsServer()), (), "NATS servers of the cluster; any of them.", default_text="none: one process"
    )
    cluster_name: str = setting(Word(), "main", "The exchange's name on NATS: several may share the servers.")
    node_name: str | None = setting(
        OptionalWord(), None, "What this process is called in the cluster.", default_text="made of host and process"
    )
    nats_user: str | None = setting(OptionalWord(), None, "User at NATS.", default_text="none")
    nats_password: Secret | None = setting(
        PasswordText(), None, "The password that goes with `nats_user`.", default_text="none", secret=True
    )
    nats_credentials_file: Path | None = setting(
        OptionalPath(), None, "File (.creds) with this node's NATS JWT and seed.", default_text="none"
    )
    nats_ca_file: Path | None = setting(
        OptionalPath(),
        None,
        "PEM file with the certificates that the NATS servers' are checked with.",
        default_text="the system's",
    )
    nats_certificate_file: Path | None = setting(
        OptionalPath(), None, "PEM file with this node's certificate, for servers that want one.", default_text="none"
    )
    nats_key_file: Path | None = setting(
        OptionalPath(), None, "PEM file with that certificate's key.", default_text="none"
    )
    nats_replicas: int = setting(
        Integer(1, 5),
        3,
        "NATS servers that store the log before anything in it counts; 1 only if the loss of one machine may lose it.",
    )
    takeover_ms: int = setting(
        Integer(200, 600_000, _MS),
        2000,
        "How long the log must be silent before another engine takes over.",
    )
    command_timeout_ms: int = setting(
        Integer(100, 600_000, _MS),
        5000,
        "Time in which an order must have its outcome; after that the client is told that nobody knows it yet.",
    )

    @property
    def bus_names(self) -> Names:
        """What everything is called on NATS."""
        return Names(self.cluster_name)

    @property
    def bus_address(self) -> BusAddress:
        """Where NATS is, and how to log in there."""
        return BusAddress(
            servers=self.nats,
            user=self.nats_user,
            password=None if self.nats_password is None else self.nats_password.reveal(),
            credentials_file=self.nats_credentials_file,
            ca_file=self.nats_ca_file,
            certificate_file=self.nats_certificate_file,
            key_file=self.nats_key_file,
        )
