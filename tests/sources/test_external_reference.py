"""The page about external engines says what the code reads."""

import json
import re
from pathlib import Path

from exchange.venue import bitcoin
from finalex.model.instruments import Instruments
from finalex.sources.external_commands import ANSWERS, FITTING, REQUESTS
from finalex.sources.external_events import EVENTS_MAX, MESSAGE_BYTES_MAX, WIRE_NAMES, read_message
from finalex.sources.external_reference import json_schema, schema_tables

PAGE = Path(__file__).parents[2] / "docs" / "external-engines.md"


def test_the_schema_on_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith("\n\n" + schema_tables()), (
        "replace all below 'The schema' with the output of: finalex cluster external-schema"
    )


def test_every_event_command_and_answer_has_a_table() -> None:
    headings = re.findall(r"^#### `(\w+)`$", schema_tables(), re.MULTILINE)

    assert headings == [
        *WIRE_NAMES.values(),
        *(request.__struct_config__.tag for request in REQUESTS),
        *(answer.__struct_config__.tag for answer in ANSWERS),
    ]
    assert set(FITTING) == set(REQUESTS)


def test_the_message_of_the_page_is_one() -> None:
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    instruments = Instruments([bitcoin()])

    happened = read_message(
        blocks[0].replace("45678.50", "456.50").replace("45679.00", "457.00").encode(), "", instruments
    )

    assert [WIRE_NAMES[type(event)] for event in happened.events] == ["book_reset", "traded"]
    assert json.loads(blocks[1])["command"] == "place_order"


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert f"At most {MESSAGE_BYTES_MAX >> 10} KiB and {EVENTS_MAX} events" in page


def test_the_json_schema_describes_every_event() -> None:
    schema = json_schema()
    tags = {
        definition["properties"]["event"]["enum"][0]
        for definition in schema["$defs"].values()
        if "event" in definition.get("properties", {})
    }

    assert tags == set(WIRE_NAMES.values())
    assert schema["$ref"] == "#/$defs/Message"
