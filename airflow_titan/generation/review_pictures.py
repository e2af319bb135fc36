"""The pictures of a review, where they lie: whether they can be seen, and what the records beside them say."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_titan.errors import Problems, TitanError, abbreviate
from airflow_titan.generation.manifest import Manifest
from airflow_titan.generation.published import MANIFEST
from airflow_titan.generation.review import SUBJECT
from airflow_titan.imaging.header import foreign_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.aws.s3 import ObjectStore

#: Bytes of an image that tell which kind it is; and how the usual kinds begin.
_FIRST, _PICTURES = 64, (b"\x89PNG", b"\xff\xd8\xff")
_ROWS = "Of a bulk task, whose result is a file of rows, give the pictures that the rows name."
#: Records of results that are looked at for prompts and seeds, at most.
_MAX_RECORDS = 20


def check_pictures(uris: Sequence[str], store: ObjectStore) -> None:
    """
    See that each image is there, and a picture by its first bytes: nobody can choose among what can't be seen.

    :raises InvalidRequest: for an URI that names no object, or one that is something else
    :raises StoreRefused: for an object that is not there
    """
    problems = Problems(SUBJECT)
    for uri in uris:
        try:
            data = store.get(uri, first=_FIRST).data or b""
        except ValueError as error:
            problems.add("images", f"{abbreviate(uri)}, which {error}", "s3://bucket/key", "Check what it renders to.")
            continue
        if not data.startswith(_PICTURES) and not (foreign := foreign_image(data)).preparable:
            remedy = _ROWS if data.startswith(b"{") else foreign.remedy
            problems.add("images", f"{abbreviate(uri)}, which {foreign}", "pictures", remedy)
    problems.raise_if_any()


def read_origins(uris: Sequence[str], store: ObjectStore) -> dict[str, tuple[str | None, int | None]]:
    """
    Return prompt and seed of the images whose records lie beside them.

    That is one small read for each task that made some of them; what was not made by a model has no such record, and
    nobody needs one to choose.
    """
    origins: dict[str, tuple[str | None, int | None]] = {}
    for folder in list(dict.fromkeys(uri.rpartition("/")[0] for uri in uris))[:_MAX_RECORDS]:
        with suppress(TitanError, ValueError):
            record = store.read(f"{folder}/{MANIFEST}")
            if record is None:
                continue
            manifest = Manifest.model_validate_json(record.data)
            prompt = manifest.parameters.get("text")
            origins.update((output.uri, (prompt, manifest.seed)) for output in manifest.outputs)
    return origins
