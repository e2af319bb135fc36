"""What the installed botocore knows of Bedrock, where that is more than the lowest one that the package takes."""

from __future__ import annotations

import pytest


def _knows_metadata() -> bool:
    from botocore.session import get_session

    operation = get_session().get_service_model("bedrock-runtime").operation_model("InvokeModel")
    return "requestMetadata" in operation.input_shape.members


metadata_is_known = pytest.mark.skipif(
    not _knows_metadata(), reason="this botocore has no requestMetadata, so none is sent"
)
