"""Read the input images of a request from the store, and put them in the place of their URIs."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from airflow_titan.errors import Problem, StoreRefused, abbreviate
from airflow_titan.imaging.conversion import make_clean, make_upright, may_be_turned
from airflow_titan.imaging.exif import turned
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find
from airflow_titan.models.values import image_uris

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.aws.s3 import ObjectContent, ObjectStore
    from airflow_titan.generation.request import Request
    from airflow_titan.models.spec import ModelSpec, Parameter
    from airflow_titan.models.tasks import Task

#: How much of an input is read: nothing but its size and ETag, what its header needs, or all of it.
Depth = Literal["stat", "header", "whole"]
#: What becomes of a mask that isn't as a model takes it: it is refused, or made so.
MaskFit = Literal["exact", "clean"]

#: Bytes of an image that tell its format, size and kind of pixels, but for rare ones with much before that.
_HEAD = 1 << 17
#: Contents of which is remembered what was found out, for each store.
_MAX_CONTENTS = 4096
#: What was found out about contents, for as long as the store is used that they were read from.
_facts: WeakKeyDictionary[ObjectStore, dict[str, dict[str, Any]]] = WeakKeyDictionary()


class InputReader:
    """
    Read input images. What is wrong with a URI or an object is noted in the image, not raised.

    Readers of one store share what is found out about a content, so that requests with the same input needn't each
    look through it.

    :param store: holds the images
    :param remembered: how many images are remembered that were read for their headers, each of up to 128 KiB
    """

    def __init__(self, store: ObjectStore, *, remembered: int = 0) -> None:
        self._store = store
        self._remembered = lru_cache(remembered)(self._read_header) if remembered else None
        self._one_complete = Lock()

    def read(self, parameter: str, uri: Any, max_bytes: int | None, depth: Depth = "whole") -> Image:
        """
        Read an input image.

        :param parameter: the operator's parameter that names the image, for the message
        :param uri: ``s3://bucket/key``
        :param max_bytes: an object larger than this is not read
        :param depth: how much of it is read
        :raises AccessDenied: if there are no AWS credentials
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        if depth == "stat":
            return self.stat_image(parameter, uri)
        if depth == "header":
            return self.read_image_header(parameter, uri, max_bytes)
        return self.read_image(parameter, uri, max_bytes)

    def stat_image(self, parameter: str, uri: Any) -> Image:
        """Ask for an image's size and ETag, without reading it."""
        try:
            content = self._store.head(uri)
        except (ValueError, StoreRefused) as error:
            return _unreadable(parameter, uri, error)
        return _image(uri, content)

    def read_image_header(self, parameter: str, uri: Any, max_bytes: int | None) -> Image:
        """Read the first bytes of an image: a small one to its end, of a large one what its header needs."""
        # what a template makes of a URI may be of any type
        read = self._remembered if self._remembered and isinstance(uri, str) else self._read_header
        return read(parameter, uri, max_bytes)

    def read_image(self, parameter: str, uri: Any, max_bytes: int | None) -> Image:
        """Read an image to its end."""
        try:
            content = self._store.get(uri, max_bytes=max_bytes)
        except (ValueError, StoreRefused) as error:
            return _unreadable(parameter, uri, error)
        image = _image(uri, content)
        if content.data is not None and content.etag_is_md5:
            image.facts = self._facts_of(f"{content.etag} {content.size}")
        return image

    def _read_header(self, parameter: str, uri: Any, max_bytes: int | None) -> Image:
        try:
            content = self._store.get(uri, max_bytes=max_bytes, first=_HEAD)
        except (ValueError, StoreRefused) as error:
            return _unreadable(parameter, uri, error)
        image = _image(uri, content)
        if image.complete or image.has_header:
            return image
        # the header lies far behind: one such image at a time, and no more of it than of others is kept
        with self._one_complete:
            image = self.read_image(parameter, uri, max_bytes)
            return image.cut(_HEAD) if image.data and image.has_header else image

    def _facts_of(self, content: str) -> dict[str, Any]:
        """Return what was found out about a content, for images to add to."""
        contents = _facts.setdefault(self._store, {})
        if len(contents) >= _MAX_CONTENTS:
            contents.clear()
        return contents.setdefault(content, {})


def inputs(task: Task) -> Iterator[tuple[str, Image]]:
    """Yield every input image of a checked task with the name of its parameter."""
    for name in task.image_parameters:
        value = getattr(task, name)
        for image in value if isinstance(value, tuple) else (value,):
            if image is not None:
                yield name, image


def with_images(request: Request, spec: ModelSpec, reader: InputReader, depth: Depth) -> Task:
    """
    Return the task with images in the place of their URIs, one or many, however deep the lists are.

    Where the request asks for it, they are made upright, and masks pure.

    :raises LookupError: if that depends on what is deeper in an image than was read
    """
    task = request.task
    # how EXIF turns an image is told by its header, and so may be what is sent of it, and to whom
    looked_at: Depth = "header" if (request.auto_orient or spec.jobs) and depth == "stat" else depth
    images: dict[str, Any] = {}
    for name in task.image_parameters:
        uris = image_uris(task, name)
        if name not in spec.parameters:
            # the check will say that this model doesn't take it
            images[name] = tuple(Image(str(uri)) for uri in uris) or None
            continue
        rule = spec.parameters[name]
        maximum = rule.largest("max_items") or 1
        # the check will refuse more, or leave them out; there is no use in reading them
        read = tuple(reader.read(name, uri, _max_bytes(rule, spec), looked_at) for uri in uris[:maximum])
        images[name] = (read + tuple(Image(str(uri)) for uri in uris[maximum:])) or None
    if request.auto_orient:
        images |= _upright(images, request, spec, depth)
    if request.mask_fit == "clean" and images.get("mask_image"):
        if depth == "stat":
            raise LookupError("mask_image")
        size = _size_of(images.get("image"))
        images["mask_image"] = tuple(make_clean(mask, size) for mask in images["mask_image"])
    return replace(task, **images)


def _upright(images: dict[str, Any], request: Request, spec: ModelSpec, depth: Depth) -> dict[str, Any]:
    """
    Return images as people see them; a mask that is made pure is made upright with that.

    :raises LookupError: if an image that wasn't read whole may be turned by what lies deeper in it
    """
    names = [name for name in images if images[name] and name in spec.parameters]
    if request.mask_fit == "clean":
        names = [name for name in names if name != "mask_image"]
    count = sum(len(images[name]) for name in names)
    result: dict[str, Any] = {}
    for name in names:
        maximum = min(_max_bytes(spec.parameters[name], spec), _max_bytes_together(spec) // count)
        if depth == "stat" and any(may_be_turned(image) for image in images[name]):
            raise LookupError(name)
        result[name] = tuple(make_upright(name, image, spec.image_bounds, maximum) for image in images[name])
    return result


def _size_of(images: tuple[Image, ...] | None) -> tuple[int, int] | None:
    """Return the size of the image that a mask belongs to, as people see it; ``None`` where it can't be told."""
    if not images or not images[0].has_header:
        return None
    header = images[0].header
    return turned(header.size, header.orientation)


def max_input_bytes(request: Request) -> int:
    """
    Return how many bytes the inputs of a request may have together, before anybody reads them.

    :raises ConfigurationError: if the model is unknown
    """
    spec = find(request.model_id, request.model_family)
    names = [name for name in request.task.image_parameters if name in spec.parameters]
    each = [_max_bytes(spec.parameters[name], spec) for name in names for _ in image_uris(request.task, name)]
    return min(sum(each), _max_bytes_together(spec))


def _max_bytes(rule: Parameter, spec: ModelSpec) -> int:
    """Return the size above which an image is refused unread."""
    return rule.largest("max_bytes") or _max_bytes_together(spec)


def _max_bytes_together(spec: ModelSpec) -> int:
    """Return the bytes of images that fill a request: base64 makes four of three."""
    return spec.max_request_bytes // 4 * 3


def _image(uri: Any, content: ObjectContent) -> Image:
    return Image(
        uri,
        content.data,
        weight=content.size,
        etag=content.etag,
        etag_is_md5=content.etag_is_md5,
        complete=content.data is None or len(content.data) == content.size,
    )


def _unreadable(parameter: str, uri: Any, error: ValueError | StoreRefused) -> Image:
    """Return an image that says what stands in the way of reading it."""
    value, limit = abbreviate(uri), "s3://bucket/key"
    if isinstance(error, ValueError):
        problem = Problem(parameter, value, limit, f"It {error}. Name an image in S3, as the operators return it.")
        return Image(str(uri), problem=problem)
    if error.reason:
        value, limit = f"{value}, of which S3 says {error.reason}", "an object that can be read"
    refused = bool(error.reason) and not error.is_missing
    return Image(uri, problem=Problem(parameter, value, limit, error.remedy or str(error), is_refusal=refused))
