"""Every document that a server answers browsers with and that never changes: the trading page and the reference."""

from collections.abc import Mapping
from http import HTTPStatus

from finalex import __version__
from finalex.config import Config
from finalex.gateway.http_messages import Response
from finalex.model.instruments import Instrument
from finalex.page.assets import page_assets
from finalex.reference.codes import REJECTIONS
from finalex.reference.documents import documents


def served_pages(config: Config) -> dict[str, Response]:
    """Return the documents of a server with `config`, by path; they are made once."""
    page = page_assets(_facts(config))
    reference = {
        path: (document.body, document.content_type, (("Content-Security-Policy", document.policy),))
        for path, document in documents(config).items()
    }
    return {path: Response(HTTPStatus.OK, *each) for path, each in (page | reference).items()}


def _facts(config: Config) -> Mapping[str, object]:
    """Return what the page knows of a server before it connects."""
    return {
        "version": __version__,
        "trading": config.source.trading,
        "markets": [_market(instrument) for instrument in config.instruments.values()],
        "rejections": dict(REJECTIONS),
    }


def _market(instrument: Instrument) -> Mapping[str, object]:
    return {
        "symbol": instrument.symbol,
        "tick": instrument.price_text(instrument.tick_size),
        "lot": instrument.quantity_text(instrument.lot_size),
        "quantity_decimals": instrument.quantity_decimals,
        "taker_fee_ppm": instrument.taker_fee_ppm,
    }
