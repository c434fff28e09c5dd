"""Every code there is has its meaning, in the order of the code."""

from collections.abc import Iterable, Mapping

import pytest

from finalex.model.orders import EndReason
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.reference.codes import CLOSES, ENDS, ERRORS, REJECTIONS


@pytest.mark.parametrize(
    ("meanings", "codes"),
    [(ERRORS, ErrorCode), (REJECTIONS, RejectReason), (ENDS, EndReason), (CLOSES, CloseCode)],
    ids=["errors", "rejections", "ends", "closes"],
)
def test_every_code_has_a_sentence(meanings: Mapping[object, str], codes: Iterable[object]) -> None:
    assert list(meanings) == list(codes)
    assert all(meaning[0].isupper() and meaning.endswith(".") for meaning in meanings.values())
