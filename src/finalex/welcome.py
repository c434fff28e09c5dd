"""What the start of a server says: where it is, and a token to try it with."""

from finalex import __version__
from finalex.clock import now_ms
from finalex.config import Config
from finalex.credentials.grants import Grant

TRIAL_USER = "demo"
TRIAL_TOKEN_MS = 24 * 3_600_000
"""The token that the start prints is for this user and this long."""


def welcome(config: Config, authority: str, *more: str) -> str:
    """Return the text for whoever started a server that listens at `authority` (host:port); `more` lines are added."""
    ws, http = ("wss", "https") if config.tls_files else ("ws", "http")
    lines = [
        f"Finalex {__version__}: {_market(config)}",
        "",
        f"  WebSocket  {ws}://{authority}",
        f"  HTTP       {http}://{authority}/  (/docs, /asyncapi.json, /health, /ready)",
        *_token_lines(config),
        f"  Try        {ws}://{authority}/?token=<the token>",
        '             {"method": "subscribe", "params": {"channel": "ticker", "symbol": "BTC/USDT"}}',
    ]
    if config.demo_credits:
        lines.append("  Accounts   every new account starts with demo balances (--demo-balances false: with none)")
    if config.chaos is not None:
        profile = f"{config.chaos.text}, seed {config.chaos_seed}"
        lines.append(f"  CHAOS      {profile}: faults are injected on purpose (docs/sandbox.md)")
    kept = "nothing is kept" if config.keeps_nothing or not config.source.trading else f"kept in {config.log_dir}"
    lines.append(f"  Data       {kept}")
    return "\n".join([*lines, *more, "", "Ctrl-C stops."])


def _token_lines(config: Config) -> list[str]:
    if not config.own_tokens:
        return ["  Token      of the issuer whose keys are configured"]
    grant = Grant(user=TRIAL_USER, scopes=frozenset({"read", "trade"}), ttl_ms=TRIAL_TOKEN_MS)
    return [
        f"  Token      {config.sign_token(grant, now_ms())}",
        f"             (user {TRIAL_USER}, 24 hours; another: finalex token --user NAME)",
    ]


def _market(config: Config) -> str:
    markets = f"{len(config.instruments)} markets"
    match config.source.kind:
        case "simulate":
            return f"an exchange with simulated traders, {markets}"
        case "exchange":
            return f"an exchange without other traders, {markets}"
        case "external":
            return f"{markets} of an engine of your own"
        case "upstream":
            return f"{markets} of {config.source.exchange}; orders are not taken"
        case "paper":
            return f"{markets} of {config.source.exchange}, traded on paper"
        case _:
            return f"recordings of {', '.join(map(str, config.source.files))}; orders are not taken"
