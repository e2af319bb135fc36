"""The bytes of objects, held once however many objects hold them."""

from __future__ import annotations

import hashlib
from typing import Any
from weakref import WeakValueDictionary

from moto.s3.models import FakeKey

_SHARED = 4096  # bytes, from which on equal contents are worth looking for
_SAMPLE = 64  # bytes at the beginning, in the middle and at the end that tell contents apart at a glance


class Content:
    """The bytes of objects that are equal."""

    __slots__ = ("__weakref__", "data", "md5")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()


class ContentPool:
    """What the objects hold: equal bytes once, however many objects hold them, and for as long as one does."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[tuple[int, bytes, bytes, bytes], Content] = WeakValueDictionary()

    def intern(self, data: bytes) -> Content:
        """Return the content that is equal to `data`."""
        if len(data) < _SHARED:
            return Content(data)
        middle = len(data) // 2
        sample = len(data), data[:_SAMPLE], data[middle : middle + _SAMPLE], data[-_SAMPLE:]
        known = self._known.get(sample)
        if known is None or known.data != data:
            known = self._known[sample] = Content(data)
        return known


class PooledKey(FakeKey):
    """
    One of moto's objects, whose bytes may be another's too.

    :param content: its bytes
    :param options: those of moto's own class
    """

    def __init__(self, content: Content, **options: Any) -> None:
        self._content = content
        super().__init__(value=content.data, etag=content.md5, **options)

    @property
    def value(self) -> bytes:
        """The bytes, which nobody changes in place."""
        return self._data

    @value.setter
    def value(self, data: bytes) -> None:
        self._data = data
        self.contentsize = len(data)
