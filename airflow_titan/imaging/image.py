"""An input image of the user's: where it lies, and what reading it gave."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_titan.imaging.header import Header, InvalidImage
from airflow_titan.imaging.pillow import open_as, unlimited
from airflow_titan.imaging.verify import inside_box, is_opaque, mask_impurity, only_value, read_header, verify

if TYPE_CHECKING:
    from airflow_titan.errors import Problem


@dataclass
class Image:
    """
    An image of the user's: where it lies, and what reading it gave.

    :param uri: ``s3://bucket/key``
    :param data: the bytes, or ``None`` where they were not read
    :param complete: whether these are all bytes; of the first alone, the best is assumed about the rest
    :param weight: how many bytes the object has, also where they were not read because they are too many
    :param etag: the ETag that S3 gave with the bytes
    :param etag_is_md5: whether that ETag is the MD5 of the bytes
    :param problem: why nothing could be read
    :param warnings: what is odd about it and allowed
    :param facts: what was found out by looking at all bytes; images of the same bytes may share it
    """

    uri: str
    data: bytes | None = None
    weight: int = 0
    etag: str | None = None
    etag_is_md5: bool = False
    problem: Problem | None = None
    complete: bool = True
    warnings: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def identity(self) -> str:
        """
        Return what names the content: its MD5 in hexadecimal, because S3 tells it of most objects without a read.

        :raises LookupError: if the bytes were not read, and S3 doesn't tell
        """
        if self.etag and self.etag_is_md5:
            return self.etag.strip('"')
        if self.data is None or not self.complete:
            raise LookupError(self.uri)
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()

    def forget(self) -> None:
        """Let the bytes go once nobody needs them: they are megabytes. What was found out about them is kept."""
        if self.data is not None:
            _ = self.header, self.identity
            self.data = None

    def cut(self, size: int) -> Image:
        """Return the image with its first bytes alone, and with what its header says wherever that stands."""
        first = replace(self, data=(self.data or b"")[:size], complete=False)
        first.header = self.header
        return first

    @cached_property
    def header(self) -> Header:
        """
        What the first bytes say.

        :raises InvalidImage: if they are no PNG's and no JPEG's
        """
        return read_header(self.data or b"", complete=self.complete)

    @property
    def has_header(self) -> bool:
        """Whether the bytes that were read are enough to tell format, size and kind of pixels."""
        try:
            return bool(self.header)
        except InvalidImage:
            return False

    @property
    def opaque(self) -> bool:
        """
        Whether the picture is whole and no pixel transparent; looked at once, because that takes decoding.

        :raises InvalidImage: if it isn't whole
        """
        if not self.complete:
            return True
        if "opaque" not in self.facts:
            if self.header.alpha:
                self.facts["opaque"] = is_opaque(self.data or b"", self.header)
            else:
                verify(self.data or b"", self.header)
                self.facts["opaque"] = True
        return bool(self.facts["opaque"])

    @property
    def mask_impurity(self) -> str | None:
        """
        What a mask has beside pure black and white, ``None`` for a pure one; looked at once.

        :raises InvalidImage: if it isn't whole
        """
        if not self.complete:
            return None
        if "impurity" not in self.facts:
            self.facts["impurity"] = mask_impurity(self.data or b"", self.header)
        impurity: str | None = self.facts["impurity"]
        return impurity

    @property
    def only_value(self) -> int | None:
        """The gray value that all of a pure mask has, ``None`` for one of black and white; looked at once."""
        if not self.complete:
            return None
        if "only_value" not in self.facts:
            self.facts["only_value"] = only_value(self.data or b"", self.header)
        value: int | None = self.facts["only_value"]
        return value

    @property
    def inside_box(self) -> tuple[int, int, int, int] | None:
        """
        Left, top, right and bottom of a pure mask's inside where that is one upright rectangle; looked at once.

        ``None`` where it is anything else, and where the mask wasn't read whole or can't be.
        """
        if "inside_box" not in self.facts:
            if self.data is None or not self.complete or not self.has_header:
                return None
            try:
                self.facts["inside_box"] = inside_box(self.data, self.header)
            except InvalidImage:
                self.facts["inside_box"] = None
        box: tuple[int, int, int, int] | None = self.facts["inside_box"]
        return box


@dataclass(frozen=True)
class Inverted:
    """A mask with black and white changed over, for models that read masks the other way round."""

    mask: Image

    @cached_property
    def data(self) -> bytes:
        """The bytes of the inverted mask, a PNG."""
        import PIL.ImageChops

        with open_as(self.mask.data or b"", ("PNG", "JPEG")) as picture:
            gray = picture.convert("L")
        file = BytesIO()
        PIL.ImageChops.invert(gray).save(file, "PNG")
        return file.getvalue()

    def forget(self) -> None:
        """Let the bytes go, once nobody needs them."""
        self.__dict__.pop("data", None)

    @property
    def identity(self) -> str:
        """What names the content: the mask that it was made of."""
        return f"inverted {self.mask.identity}"


@dataclass(frozen=True)
class Kept:
    """
    The part of a picture that lies inside of a mask's rectangle.

    :param image: the picture
    :param box: left, top, right and bottom of the part, in pixels; ``None`` where the mask wasn't read whole
    """

    image: Image
    box: tuple[int, int, int, int] | None

    @cached_property
    def data(self) -> bytes:
        """The bytes of the part, a PNG."""
        with open_as(self.image.data or b"", ("PNG", "JPEG")) as picture:
            part = unlimited(partial(picture.crop, self.box))
        file = BytesIO()
        (part if part.mode in {"L", "RGB"} else part.convert("RGB")).save(file, "PNG")
        return file.getvalue()

    def forget(self) -> None:
        """Let the bytes go, once nobody needs them."""
        self.__dict__.pop("data", None)

    @property
    def identity(self) -> str:
        """
        What names the content: the picture, and which part of it.

        :raises LookupError: if nobody knows which
        """
        if self.box is None:
            raise LookupError(self.image.uri)
        return f"kept {','.join(map(str, self.box))} {self.image.identity}"
