"""What the operators share that make inputs for models: they read images from S3, work on pixels, and write images."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from airflow_titan import __version__
from airflow_titan.errors import Problems, abbreviate
from airflow_titan.operators.base import TitanBaseOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.manifest import Output, Source
    from airflow_titan.imaging.resize import File
    from airflow_titan.parameters import ParameterReader

#: The background where none is given.
WHITE = (255, 255, 255)
_FORMATS = "a whole JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC, small enough to be decoded"


class TitanImageOperator(TitanBaseOperator):
    """
    Make input images for a model, by pixels alone: no model is called and nothing is paid.

    Returns the list of the written images' URIs. Their names hold the hash of their content, so a retry writes the same
    keys again.

    Takes the parameters of :class:`~airflow_titan.operators.base.TitanBaseOperator` too; only S3 is asked, so
    ``aws_conn_id`` matters where ``s3_conn_id`` is not given, and no region is needed.

    :raises AirflowFailException: if it can't succeed; it is not retried
    """

    ui_color = "#dbe7f2"

    #: What the operator does, as an error's message begins.
    subject: ClassVar[str]
    #: What it does, as its record says.
    task: ClassVar[str]
    #: The parameters that name images to read.
    image_fields: ClassVar[tuple[str, ...]] = ("image",)

    def read_fields(self) -> tuple[str, ...]:
        """Return the parameters that name images to read."""
        return self.image_fields

    @abstractmethod
    def process(self, reader: ParameterReader, store: ObjectStore) -> list[tuple[str, File]]:
        """
        Make the images from the rendered fields.

        :param reader: reads the fields; its problems take note of what is wrong
        :param store: holds the images that the fields name
        :return: a name and a file for each; of no use where a problem was noted
        """

    def run_task(self, context: Context) -> list[str]:
        """
        Make the images and write them, and tell Airflow's metrics.

        :return: their URIs
        """
        from airflow_titan.generation.meter import Measurement

        with Measurement(self.task) as measurement:
            uris = self._write_images(context)
            measurement.images = len(uris)
        return uris

    def _write_images(self, context: Context) -> list[str]:
        """
        Make the images and write them.

        :return: their URIs
        """
        # imported here because a DAG file that only names the operator must not pay for it
        from airflow_titan.generation.location import DIGITS
        from airflow_titan.generation.manifest import ImageManifest
        from airflow_titan.generation.published import MANIFEST
        from airflow_titan.lineage.record import of_images
        from airflow_titan.parameters import ParameterReader

        location = self.location(context)
        folder = location.folder(self.subject)
        store = self.store(self._s3())
        problems = Problems(self.subject)
        files = self.process(ParameterReader(problems), store)
        problems.raise_if_any()
        outputs = []
        for name, file in files:
            uri = f"{folder}/{name}-{file.sha256[:DIGITS]}.{file.extension}"
            store.write(uri, file.data, file.content_type)
            outputs.append(_output(uri, file))
        manifest = ImageManifest(
            created=datetime.now(UTC).isoformat(),
            provider=f"airflow-titan {__version__}",
            task=self.task,
            inputs=tuple(self._sources()),
            outputs=tuple(outputs),
            task_instance=location.owner,
        )
        store.write(f"{folder}/{MANIFEST}", manifest.to_json(), "application/json")
        manifest_uri = f"{folder}/{MANIFEST}"
        self.push_record(context, manifest.summary(manifest_uri), of_images(manifest, manifest_uri))
        self.log.info("Wrote %d image(s) to %s", len(outputs), folder)
        return [output.uri for output in outputs]

    def _sources(self) -> Iterator[Source]:
        """Yield the images that were read; the fields that name them are known to make sense."""
        from airflow_titan.generation.manifest import Source
        from airflow_titan.parameters import ParameterReader, is_nothing

        reader = ParameterReader(Problems())
        for name in self.image_fields:
            if not is_nothing(getattr(self, name)):
                yield from (Source(parameter=name, uri=uri) for uri in reader.uris(name, getattr(self, name)))


def _output(uri: str, file: File) -> Output:
    """Return what the record says of an image that was written."""
    from airflow_titan.generation.manifest import Output

    width, height = file.size
    return Output(
        uri=uri,
        content_type=file.content_type,
        bytes=len(file.data),
        sha256=file.sha256,
        width=width,
        height=height,
    )


def read_image(name: str, uri: str, store: ObjectStore, problems: Problems) -> bytes | None:
    """
    Read an image.

    :param name: the parameter that it came in
    :return: its bytes; ``None`` where a problem was noted
    """
    from airflow_titan.generation.inputs import InputReader
    from airflow_titan.imaging.decode import MAX_BYTES

    image = InputReader(store).read_image(name, uri, MAX_BYTES)
    if image.problem:
        problems.append(image.problem)
    elif image.data is None:
        value = f"{abbreviate(uri)} with {image.weight:,} bytes"
        problems.add(name, value, f"at most {MAX_BYTES:,} bytes", "Make the file smaller.")
    return image.data


@contextmanager
def noting_problems(name: str, uri: str, problems: Problems) -> Iterator[None]:
    """
    Note what is wrong with one image, and go on with the rest.

    :param name: the parameter that it came in
    """
    from airflow_titan.imaging.decode import ImageOutOfBounds
    from airflow_titan.imaging.header import InvalidImage

    try:
        yield
    except ImageOutOfBounds as error:
        problem = error.problem
        problems.add(problem.parameter, f"{problem.value}, for {abbreviate(uri)}", problem.limit, problem.remedy)
    except InvalidImage as error:
        problems.add(name, f"{abbreviate(uri)}, which {error}", _FORMATS, error.remedy)
