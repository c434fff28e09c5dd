"""The reference as a running server serves it."""

import json

from finalex.reference.asyncapi import asyncapi_document
from finalex.reference.html import CONTENT_SECURITY_POLICY
from support.server import serving
from support.sockets import get


async def test_a_server_serves_its_own_reference() -> None:
    async with serving(source="exchange", connections_per_ip="77") as server:
        document = await get(server.port, "/asyncapi.json")
        page = await get(server.port, "/docs")

    assert document.status == page.status == 200
    assert document.headers["content-type"] == "application/json"
    assert json.loads(document.body) == asyncapi_document(server.config)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert b">77</td>" in page.body


async def test_a_server_tells_what_there_is() -> None:
    async with serving(source="exchange") as server:
        missing = await get(server.port, "/missing")

    assert b"/docs" in missing.body
