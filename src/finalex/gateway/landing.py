"""The landing page of a server without its trading page: what this is and how to connect, in one plain document."""

import re
from base64 import b64encode
from hashlib import sha256
from string import Template
from typing import Final

from finalex import __version__

HOST_DEFAULT = "localhost:8081"

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2330; --soft: #5b6675; --line: #dfe4ea; --ground: #fbfcfd; --card: #fff;
  --accent: #0a6cff; --good: #11915a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ecf3; --soft: #98a4b4; --line: #29313d; --ground: #0e1217;
  --card: #151b23; --accent: #5ea0ff; --good: #3ecf8e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 4rem 1.25rem 3rem; }
h1 { margin: 0; font-size: 2.4rem; letter-spacing: -.03em; line-height: 1.1; }
h1 span { color: var(--good); }
h2 { margin: 2.6rem 0 .7rem; font-size: 1.05rem; }
p { margin: .7rem 0; }
.lead { color: var(--soft); font-size: 1.12rem; max-width: 38rem; }
.address { display: inline-block; margin-top: .6rem; padding: .45rem .8rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--card); color: var(--accent); }
code, pre { font: .875rem/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { margin: 0; padding: 1rem 1.1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem;
  background: var(--card); }
table { width: 100%; border-collapse: collapse; }
td { padding: .45rem .8rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child { white-space: nowrap; }
a { color: var(--accent); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .9rem; }
"""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Finalex</title>
<style>$style</style>
</head>
<body>
<main>
<h1>Finalex <span aria-hidden="true">▲</span></h1>
<p class="lead">Real-time market data, orders and account updates of an exchange, over one WebSocket connection.</p>
<p><code class="address">ws://$host/</code></p>
<p>The trading page that belongs here was not built: <code>make page</code> in the source tree builds it (with the npm
registry in reach), and the next start shows it. The <a href="/docs">reference</a> is here all the same.</p>

<h2>Try it</h2>
<pre>const ws = new WebSocket("ws://$host/");
ws.onmessage = (event) =&gt; console.log(JSON.parse(event.data));
ws.onopen = () =&gt; ws.send(JSON.stringify({
  id: "sub_001", method: "subscribe",
  params: { channel: "ticker", symbol: "BTC/USDT" }
}));</pre>
<p>The same with one line for <code>wscat -c ws://$host/</code>:</p>
<pre>{"method": "subscribe", "params": {"channel": "orderbook", "symbol": "BTC/USDT", "depth": 20}}</pre>

<h2>Channels</h2>
<table>
<tr><td><code>ticker</code></td><td>last price and the rolling 24 hours</td></tr>
<tr><td><code>orderbook</code></td><td>a snapshot, then every change of a price level</td></tr>
<tr><td><code>trades</code></td><td>every trade</td></tr>
<tr><td><code>kline</code></td><td>candles, from one minute to one month</td></tr>
<tr><td><code>account</code>, <code>orders</code>, <code>user_trades</code></td>
<td>your own, with <code>?token=…</code> or <code>?api_key=…</code></td></tr>
</table>

<footer>Finalex $version · <a href="/health">health</a> · <a href="/ready">readiness</a> ·
<a href="/asyncapi.json">AsyncAPI document</a></footer>
</main>
</body>
</html>
""")

_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def landing_page(host: str) -> bytes:
    """Return the page; `host` is the request's own, shown in the examples if it looks like one."""
    shown = host if _HOST.fullmatch(host) else HOST_DEFAULT
    return _PAGE.substitute(style=_STYLE, host=shown, version=__version__).encode()
