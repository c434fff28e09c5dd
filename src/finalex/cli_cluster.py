"""The command line of an exchange of many processes: `finalex engine`, `finalex gateway`, `finalex cluster …`."""

import os
import sys
from collections.abc import Callable

from cyclopts import App

from finalex.cli_keys import ConfigFile
from finalex.config import SETTINGS, Config, load_config
from finalex.profile import unsafe_settings
from finalex.settings.flags import with_flags
from finalex.settings.origins import SettingError

EXIT_USAGE = 2

_EXAMPLES_OF_ENGINE = """\
Examples:
  finalex engine --nats nats://10.0.0.1:4222,nats://10.0.0.2:4222
  finalex engine --config finalex.toml

Of all engines on the same NATS servers one leads; the others follow it and take
over. See docs/cluster.md.
"""

_EXAMPLES_OF_GATEWAY = """\
Examples:
  finalex gateway --nats nats://10.0.0.1:4222,nats://10.0.0.2:4222
  finalex gateway --config finalex.toml --port 8082

Start as many as there are connections for. See docs/cluster.md.
"""

cluster = App(name="cluster", help="Look after an exchange of many processes.")
cluster.command("finalex.cli_cluster_backup:cluster_backup", name="backup", help="Copy a cluster to a directory.")
cluster.command(
    "finalex.cli_cluster_external:cluster_external_schema",
    name="external-schema",
    help="Print what an engine of your own says.",
)
cluster.command("finalex.cli_cluster_backup:cluster_restore", name="restore", help="Fill an empty cluster with a copy.")
cluster.command("finalex.cli_cluster_status:cluster_status", name="status", help="Say how all nodes are, and the log.")


@with_flags(SETTINGS.values())
def engine(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """Run an engine of an exchange on NATS until Ctrl-C."""
    configuration = _of_a_node(load_config(flags, os.environ, config or None), "engine")

    def run(config: Config) -> int:
        from finalex.roles.engine import run  # it is not loaded for other commands

        return run(config)

    return run_server(configuration, run)


@with_flags(SETTINGS.values())
def gateway(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """Run a gateway of an exchange on NATS until Ctrl-C."""
    configuration = _of_a_node(load_config(flags, os.environ, config or None), "gateway")

    def run(config: Config) -> int:
        from finalex.roles.gateway import run

        return run(config)

    return run_server(configuration, run)


def run_one_machine(config: Config) -> int:
    """Run `finalex serve`: in one process, or in several that find each other over a NATS server of their own.

    Raises `SettingError`.
    """
    if config.nats:
        raise SettingError(
            "'finalex serve' is an exchange by itself and takes no 'nats': "
            "'finalex engine' and 'finalex gateway' are the parts of one on NATS servers."
        )

    def run(config: Config) -> int:
        if config.workers:
            from finalex.roles.workers import run
        else:
            from finalex.app import run
        return run(config)

    return run_server(config, run)


def run_server(config: Config, run: Callable[[Config], int]) -> int:
    """Return what `run` returns, unless `config` is not safe enough for its profile."""
    unsafe = unsafe_settings(config)
    if unsafe:
        for sentence in unsafe:
            print(f"finalex: production: {sentence}", file=sys.stderr)
        return EXIT_USAGE
    from finalex.telemetry import configure_logging

    configure_logging(config.log_level, config.log_format, config.node_name)
    return run(config)


def _of_a_node(config: Config, role: str) -> Config:
    if not config.nats:
        raise SettingError(
            f"'finalex {role}' needs setting 'nats': the NATS servers of the exchange, such as "
            "--nats nats://10.0.0.1:4222. ('finalex serve --workers 2' starts one of its own.)"
        )
    if config.workers:
        raise SettingError(f"'finalex {role}' is one process: setting 'workers' is for 'finalex serve'.")
    return config


cluster_roles = (engine, _EXAMPLES_OF_ENGINE), (gateway, _EXAMPLES_OF_GATEWAY)
"""The commands beside the group, and what their help ends with."""
