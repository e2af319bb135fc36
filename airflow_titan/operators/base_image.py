"""What the operators share that make inputs for models: they read images from S3, work on pixels, and write images."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_titan.errors import TerminalError
from airflow_titan.operators.base import TitanBaseOperator
from airflow_titan.operators.given import Given

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.imaging.resize import File


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

    @abstractmethod
    def make(self, given: Given, store: ObjectStore) -> list[tuple[str, File]]:
        """
        Make the images from the rendered fields.

        :param given: reads the fields, and takes note of what is wrong
        :return: a name and a picture for each; of no use where a problem was noted
        """

    def execute(self, context: Context) -> list[str]:
        """
        Make the images and write them.

        :return: their URIs
        """
        # imported here because a DAG file that only names the operator must not pay for it
        from airflow_titan.generation.location import DIGITS

        try:
            folder = self.location(context).folder(self.subject)
            store = self.store(self._s3())
            given = Given(self.subject)
            files = self.make(given, store)
            given.settle()
            uris = []
            for name, file in files:
                uris.append(f"{folder}/{name}-{file.sha256[:DIGITS]}.{file.extension}")
                store.write(uris[-1], file.data, file.content_type)
        except TerminalError as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
        self.log.info("Wrote %d image(s) to %s", len(uris), folder)
        return uris
