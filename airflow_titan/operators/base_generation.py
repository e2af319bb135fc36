"""What operators share that make one request: they render, build a task, hand it down the line, return the keys."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_titan.errors import ContentBlocked
from airflow_titan.operators.base_model import TitanModelOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.policy import RateLimiter
    from airflow_titan.generation.request import Request
    from airflow_titan.lineage.record import GenerationFigures
    from airflow_titan.models.tasks import Task
    from airflow_titan.operators.base_parameters import ModelParameters


class TitanTaskOperator(TitanModelOperator):
    """
    Run one task of an image model on Bedrock, and write its images to S3.

    Returns the list of the images' URIs, in the model's order. The record of the result goes to XCom key ``manifest``.

    Takes the parameters of :class:`~airflow_titan.operators.base_model.TitanModelOperator` too.

    :raises AirflowFailException: if the request can't succeed; it is not retried
    :raises AirflowSkipException: if the content filter or a guardrail stopped it and ``on_blocked`` is ``skip``
    """

    @property
    @abstractmethod
    def task_class(self) -> type[Task]:
        """The task that this operator runs."""

    def run_task(self, context: Context) -> list[str]:
        """
        Run the task.

        :return: the images' URIs, in the model's order
        """
        # imported here because a DAG file that only names the operator must not pay for boto3 and the hooks
        from airflow_titan.generation.generate import CallPolicy, generate
        from airflow_titan.generation.meter import Measurement
        from airflow_titan.lineage.record import of_manifest

        try:
            with Measurement(self.task_class.name, "") as measurement:
                request = self._request()
                measurement.model_id = request.exact_model
                location = self.location(context, rerun_key=self.rerun_key(context))
                client, rate_limiter, store = self._way(request)
                policy = CallPolicy(rate_limiter=rate_limiter)
                result = generate(request, client, store, location, policy=measurement.meter.on(policy))
                measurement.take(result.manifest)
        except ContentBlocked as error:
            if request.on_blocked == "skip":
                raise AirflowSkipException(f"ContentBlocked: {error}") from None
            raise
        summary = result.manifest.summary(result.manifest_uri)
        self.push_record(context, summary, of_manifest(result.manifest, result.manifest_uri))
        self.log.info("Wrote %d image(s); the record is %s", len(result.manifest.outputs), result.manifest_uri)
        return result.manifest.uris

    def read_fields(self) -> tuple[str, ...]:
        """Return the parameters that name pictures and masks."""
        return self.task_class.image_parameters

    def known_generation(self) -> GenerationFigures:
        """Return which model a task asks that has no result."""
        from airflow_titan.lineage.record import GenerationFigures

        request = self._request()
        return GenerationFigures(model=request.exact_model or request.model_id, asked_for=request.asked_for)

    def _request(self) -> Request:
        """Say what is wanted, from the rendered fields."""
        from airflow_titan.generation.request import OPTIONS, Request
        from airflow_titan.models.tasks import parameters

        task = self.task_class(**{name: getattr(self, name) for name in parameters(self.task_class)})
        options = {name: getattr(self, name) for name in OPTIONS} | {"max_price_usd": self.price_limit}
        options |= self.guardrail
        return Request.from_parameters(task, options, self.deployment, self.names_in_settings)

    def _way(self, request: Request) -> tuple[Any, RateLimiter, ObjectStore]:
        """Return the Bedrock client, when calls may be made and where, and the store."""
        from airflow_titan.generation.lane import BackoffQuota, Lane
        from airflow_titan.generation.lanes import Lanes
        from airflow_titan.generation.policy import ExponentialBackoff
        from airflow_titan.operators.base_clients import ModelClients

        hook = self.hook()
        clients = ModelClients(self, hook, request.regions)
        endpoints = clients.endpoints_for(request)
        if not request.regions:
            hook.model_region = endpoints[0].region
            client, s3 = hook.clients()
            return client, ExponentialBackoff(self.patience), self.store(s3)
        lanes = [Lane(clients.bedrock_client(endpoint), BackoffQuota()) for endpoint in endpoints]
        return lanes[0].client, Lanes(lanes, self.patience), self.store(hook.clients()[1])


class TitanGenerationOperator(TitanTaskOperator):
    """
    Run a task that generates.

    Takes the parameters of :class:`TitanTaskOperator` too.

    :param number_of_images: how many images to make; 1 to 5, default 1. (templated)
    :param width: width of the output in pixels; with ``height`` one of the model's sizes, such as 1024 x 1024
        (default), 768 x 768 or 1152 x 640. Without effect on edits, which keep the input's size. (templated)
    :param height: height of the output in pixels, likewise. (templated)
    :param cfg_scale: how strongly the image follows the prompt; 1.1 to 10.0, default 8.0. (templated)
    :param seed: initial noise, 0 to 2,147,483,646; default: derived from DAG, run, task and map index, so that each
        run gets a new picture and a retry the same one. (templated)
    :param quality: ``standard`` (default) or ``premium``. (templated)
    """

    #: What every generating operator takes besides its task's own parameters.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "number_of_images", "width", "height", "cfg_scale", "seed", "quality", *TitanTaskOperator.shared_fields
    )  # fmt: skip
    template_fields: Sequence[str] = shared_fields

    def __init__(
        self,
        *,
        number_of_images: int | str | XComArg | None = None,
        width: int | str | XComArg | None = None,
        height: int | str | XComArg | None = None,
        cfg_scale: float | str | XComArg | None = None,
        seed: int | str | XComArg | None = None,
        quality: str | XComArg | None = None,
        **kwargs: Unpack[ModelParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.number_of_images = number_of_images
        self.width = width
        self.height = height
        self.cfg_scale = cfg_scale
        self.seed = seed
        self.quality = quality
