"""What the start of a server says: where it is, and a token to try it with."""

from finalex import __version__
from finalex.clock import now_ms
from finalex.config import Config
from finalex.credentials.grants import Grant
from finalex.credentials.tokens import sign_token

TRIAL_USER = "demo"
TRIAL_TOKEN_MS = 24 * 3_600_000
"""The token that the start prints is for this user and this long."""


def welcome(config: Config, authority: str) -> str:
    """Return the text for whoever started a server that listens at `authority` (host:port)."""
    scopes = frozenset({"read", "trade"})
    token = sign_token(config.signing_secret(), Grant(user=TRIAL_USER, scopes=scopes, ttl_ms=TRIAL_TOKEN_MS), now_ms())
    lines = [
        f"Finalex {__version__}: {_market(config)}",
        "",
        f"  WebSocket  ws://{authority}",
        f"  HTTP       http://{authority}/  (/docs, /asyncapi.json, /health, /ready, /metrics)",
        f"  Token      {token}",
        f"             (user {TRIAL_USER}, 24 hours; another: finalex token --user NAME)",
        f"  Try        ws://{authority}/?token=<the token>",
        '             {"method": "subscribe", "params": {"channel": "ticker", "symbol": "BTC/USDT"}}',
    ]
    if config.demo_credits:
        lines.append("  Accounts   every new account starts with demo balances (--demo-balances false: with none)")
    kept = "nothing is kept" if config.keeps_nothing or not config.source.trading else f"kept in {config.data_dir}"
    lines.append(f"  Data       {kept}")
    return "\n".join([*lines, "", "Ctrl-C stops."])


def _market(config: Config) -> str:
    markets = f"{len(config.instruments)} markets"
    match config.source.kind:
        case "simulate":
            return f"an exchange with simulated traders, {markets}"
        case "exchange":
            return f"an exchange without other traders, {markets}"
        case _:
            return f"recordings of {', '.join(map(str, config.source.files))}; orders are not taken"
