"""What the models were asked for, by the picture that came of it: an object in S3 is recognized by its bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Origin(NamedTuple):
    """
    Where a picture came from.

    :param model_id: that it was invoked by
    :param text: the first text of the request; ``""`` where it had none
    """

    model_id: str
    text: str


class Painted:
    """The origins of the pictures that were answered, by the MD5 of their bytes, which is their ETag in S3."""

    def __init__(self) -> None:
        self._origins: dict[str, Origin] = {}

    def record(self, images: Iterable[bytes], model_id: str, texts: Sequence[str]) -> None:
        """Remember where pictures came from."""
        origin = Origin(model_id, next((text for text in texts if text), ""))
        for image in images:
            self._origins[hashlib.md5(image, usedforsecurity=False).hexdigest()] = origin

    def origin(self, md5: str) -> Origin | None:
        """Return where a picture came from; None if no model here painted it."""
        return self._origins.get(md5)

    def clear(self) -> None:
        """Forget them."""
        self._origins.clear()
