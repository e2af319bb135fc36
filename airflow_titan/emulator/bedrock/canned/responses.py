"""The pictures and the answers that lie ready: each is made once."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from airflow_titan.emulator.images import encode_image

if TYPE_CHECKING:
    from airflow_titan.emulator.bedrock.models import Size

_NOISE = 8  # of 255, up or down
_REMEMBERED = 64  # answers; those of Stability's models carry a seed, and so may all differ


class ResponseCache:
    """The pictures and answers that lie ready, for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: dict[tuple[Size, int, str], bytes] = {}
        self._encoded: dict[bytes, bytes] = {}
        self._bodies: dict[tuple[str, tuple[bytes, ...]], bytes] = {}

    def picture(self, size: Size, number: int, file_format: str) -> bytes:
        """
        Return one of the pictures of a size, as a file.

        :param number: which one of a request's, from 0
        :param file_format: ``png``, ``jpeg`` or ``webp``
        """
        key = size, number, file_format
        with self._lock:  # who comes while it is painted waits, and doesn't paint it too
            if key not in self._pictures:
                self._pictures[key] = encode_image(_noise(size, number), file_format)
            return self._pictures[key]

    def body(self, text: str, images: list[bytes]) -> bytes:
        """
        Return an answer's JSON with its images.

        :param text: the JSON without them
        :param images: their files
        """
        key = text, tuple(images)
        with self._lock:
            body = self._bodies.get(key)
            if body is None:
                if len(self._bodies) >= _REMEMBERED:
                    self._bodies.clear()
                body = self._bodies[key] = self._fill(*key)
            return body

    def _fill(self, text: str, images: tuple[bytes, ...]) -> bytes:
        if not images:
            return text.encode()
        for image in images:
            if image not in self._encoded:
                self._encoded[image] = b'"%s"' % base64.b64encode(image)
        filled = b", ".join(self._encoded[image] for image in images)
        return text.encode().replace(b'"images": []', b'"images": [%s]' % filled, 1)


def _noise(size: Size, number: int) -> Image.Image:
    width, height = size
    rng = np.random.default_rng([width, height, number])
    horizontal = np.linspace(40, 160, width, dtype=np.int16)[None, :, None]
    vertical = np.linspace(20, 80, height, dtype=np.int16)[:, None, None]
    grain = rng.integers(-_NOISE, _NOISE + 1, (height, width, 1), np.int16)
    light = horizontal + vertical + grain
    return Image.fromarray((light * np.array([1.0, 0.9, 0.8], np.float32)).clip(0, 255).astype(np.uint8))
