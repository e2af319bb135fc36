"""A person who chooses among images, in Airflow's own UI."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.providers.common.compat.sdk import AirflowSkipException, ParamValidationError

from airflow_titan import routes
from airflow_titan.errors import NoAnswer, Rejected
from airflow_titan.operators.base import TitanBaseOperator
from airflow_titan.operators.base_hitl import HITLOperator, as_list, check_for_airflow, check_gallery, text_field
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg
    from airflow.sdk.bases.notifier import BaseNotifier
    from airflow.sdk.execution_time.hitl import HITLUser

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.manifest import ImageManifest
    from airflow_titan.generation.review import Decision, Picture
    from airflow_titan.generation.review_settings import ReviewSettings
    from airflow_titan.operators.base_parameters import OutputParameters

#: What can be typed besides the choice: title and description of each field.
_FORM = {
    "remark": ("Remark", "Why, or what to change. It is kept with the decision."),
    "text": ("New prompt", "What to make instead or next, for the tasks that go on with it."),
}


class _Answer(NamedTuple):
    """An answer to go on with: which images, and all that Airflow tells of it."""

    numbers: tuple[int, ...]
    told: Mapping[str, Any]


@show_shared_parameters
class TitanReviewOperator(TitanBaseOperator, HITLOperator):
    """
    Let a person choose among images: Airflow's required-action page shows them, and the task waits for the answer.

    Returns the list of the chosen images' URIs, in the order of ``images``. Waiting takes no worker. What the person
    answered goes to the XCom keys ``chosen`` and ``rejected`` (URIs), ``remark`` and ``text`` (a new prompt; both empty
    where nothing was typed), ``params_input``, ``responded_by_user``, ``responded_at`` and ``timedout``; the same is
    kept in S3, beside the record of the images. An answer with too few or too many pictures is asked for again. What
    is given as ``params`` becomes further fields of the form; ``remark`` and ``text`` among them take the place of
    these two.

    Needs Airflow 3.1 or later. No model is called and nothing is paid. Takes the parameters of
    :class:`~airflow_titan.operators.base.TitanBaseOperator` too; only S3 is asked, so ``aws_conn_id`` matters
    where ``s3_conn_id`` is not given, and no region is needed.

    :param images: ``s3://bucket/key`` of each image, 1 to 100, in lists nested or not. (templated)
    :param minimum: how many have to be chosen at least; default 1. (templated)
    :param maximum: how many may be chosen; default: all of them. (templated)
    :param on_reject: what to do when all images are turned down: ``fail`` (default) the task, without retries, or
        ``skip`` it. (templated)
    :param defaults: what is chosen where nobody answers within ``response_timeout``: numbers of images, from 1, or
        ``Reject``; default: nothing, and the task fails. (templated)
    :param subject: headline of the required action; default: what is asked for. (templated)
    :param body: Markdown that is shown below the pictures. (templated)
    :param response_timeout: how long to wait for an answer; default: for ever. It begins anew where an answer is asked
        for again. ``execution_timeout`` bounds the work before and after, and never the waiting.
    :param assigned_users: who may answer, as ``{"id": .., "name": ..}``, one or a list; default: whoever may edit the
        DAG's required actions.
    :param notifiers: told when the task begins to wait, one or a list.
    :raises AirflowFailException: if it can't succeed, all images are rejected or nobody answers; it is not retried
    :raises AirflowSkipException: if all images are rejected and ``on_reject`` is ``skip``
    """

    ui_color = "#e8ddf3"
    template_fields: Sequence[str] = (
        "images", "minimum", "maximum", "on_reject", "defaults", "subject", "body", *TitanBaseOperator.shared_fields
    )  # fmt: skip

    #: What Airflow brought, where the task goes on with it.
    _event: Mapping[str, Any] | None = None
    #: Older versions of Airflow's operator know none.
    response_timeout: timedelta | None = None

    def __init__(
        self,
        *,
        images: str | Sequence[Any] | XComArg,
        minimum: int | str | XComArg = 1,
        maximum: int | str | XComArg | None = None,
        on_reject: str | XComArg = "fail",
        defaults: int | str | Sequence[Any] | XComArg | None = None,
        subject: str | XComArg | None = None,
        body: str | XComArg | None = None,
        response_timeout: timedelta | None = None,
        assigned_users: HITLUser | list[HITLUser] | None = None,
        notifiers: Sequence[BaseNotifier] | BaseNotifier | None = None,
        **kwargs: Unpack[OutputParameters],
    ) -> None:
        from airflow_titan.generation.review import REJECT, SUBJECT
        from airflow_titan.generation.review_settings import FIELDS, check_early

        check_for_airflow(SUBJECT, response_timeout, assigned_users, notifiers)
        asked: dict[str, Any] = {
            "subject": subject,
            "body": body,
            "options": [REJECT],  # and the images, once they are known
            # older versions of the provider know none
            **({} if response_timeout is None else {"response_timeout": response_timeout}),
            "assigned_users": as_list(assigned_users) or None,
            "notifiers": as_list(notifiers),
            # Airflow's operator would wait no longer than that
            "execution_timeout": None,
        }
        execution_timeout = kwargs.pop("execution_timeout", (kwargs.get("default_args") or {}).get("execution_timeout"))
        super().__init__(**asked, **kwargs)
        self.execution_timeout = execution_timeout
        self.images = images
        self.minimum = minimum
        self.maximum = maximum
        self.on_reject = on_reject
        self.defaults: Any = defaults
        #: What is ours of the form, and not the author's.
        self._typed = [name for name in _FORM if name not in self.params]
        self._add_form()
        check_early({name: getattr(self, name) for name in FIELDS})

    def read_fields(self) -> tuple[str, ...]:
        """Return the parameter that names the images."""
        return ("images",)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """
        Go on with an answer.

        :param event: what Airflow says of it
        """
        self._event = event
        try:
            # by the front door, for whoever has built something around it
            return self.execute(context)
        finally:
            self._event = None

    def run_task(self, context: Context) -> list[str]:
        """
        Ask, and wait; or go on with the answer.

        :return: the URIs of the chosen images
        """
        from airflow_titan.generation.review_records import decide, read_shown

        self._add_form()
        store = self.store(self._s3())
        if self._event is None:
            settings = self._settings()
            self._record_images(context, settings.uris, store)
        else:
            # what the person saw, whatever the fields render to by now
            shown = read_shown(self._place(context), store)
            settings = self._settings(images=[source.uri for source in shown.inputs])
            if answer := self._answer(context, settings, self._event):
                decision = decide(shown, answer.numbers, answer.told, self.location(context).owner)
                return self._conclude(context, shown, decision, settings, store)
        self._show(context, settings, store)
        # leaves the worker by a signal of Airflow's, until there is an answer
        return HITLOperator.execute(self, context)  # type: ignore[no-any-return]

    def _settings(self, **known: Any) -> ReviewSettings:
        """Read the settings, from the rendered fields and from what is known better."""
        from airflow_titan.generation.review_settings import FIELDS, ReviewSettings

        return ReviewSettings.read({name: getattr(self, name) for name in FIELDS} | known)

    def _record_images(self, context: Context, uris: Sequence[str], store: ObjectStore) -> None:
        """Write which images are shown, so that they can be shown."""
        from airflow_titan.generation.review_pictures import check_pictures
        from airflow_titan.generation.review_records import write_shown

        check_gallery()
        check_pictures(uris, store)
        place = self._place(context)
        manifest = write_shown(uris, self.location(context).owner, place, store)
        self.push_record(context, {**manifest.summary(place), "status": "awaiting_input", "shown": len(uris)})

    def _show(self, context: Context, settings: ReviewSettings, store: ObjectStore) -> None:
        """Put into the fields of Airflow's operator what it is to show."""
        question = settings.question
        self.options = question.options
        self.multiple = question.multiple
        self.defaults = list(settings.defaults) or None
        self.subject = self._texts("subject")["subject"] or f"{question.request} pictures"
        self.body = question.markdown(list(_pictures(context["ti"], settings.uris, store)), self._texts("body")["body"])

    def _answer(self, context: Context, settings: ReviewSettings, event: Mapping[str, Any]) -> _Answer | None:
        """
        Read an answer; nothing if it is none to go on with, which is told in the log.

        :param event: what Airflow says of it
        :raises NoAnswer: if there was none in time
        """
        question = settings.question
        if event.get("error_type") == "timeout" and settings.defaults:
            # Airflow keeps a question as it was first asked, and knows nothing of defaults that came later
            nobody: dict[str, Any] = {"responded_at": datetime.now(UTC), "responded_by_user": None, "params_input": {}}
            event = {"chosen_options": list(settings.defaults), **nobody}
        elif event.get("error_type") == "timeout":
            raise NoAnswer(
                f"response_timeout: got no answer within {self.response_timeout}; allowed is one within that time. "
                "Clear the task to ask again, give more time, or give defaults to go on with."
            )
        self.options = question.options
        # who answers by the REST API may leave out what a browser sends empty
        form = {**self.params.dump(), **(event.get("params_input") or {})}
        try:
            answered = HITLOperator.execute_complete(self, context, {**event, "params_input": form})
        except (ValueError, ParamValidationError):  # its message would repeat what was typed
            self.log.warning("The answer is asked for again: it doesn't fit the form.")
            return None
        try:
            return _Answer(question.read(answered["chosen_options"]), answered)
        except ValueError as error:
            self.log.warning("The answer is asked for again: it %s. %s.", error, question.request)
            return None

    def _conclude(
        self, context: Context, shown: ImageManifest, decision: Decision, settings: ReviewSettings, store: ObjectStore
    ) -> list[str]:
        """
        Keep a decision in S3 and in XCom, tell it to those who ask for lineage, and end the task by it.

        :return: the URIs of the chosen images
        """
        from airflow_titan.generation.review_records import told_of
        from airflow_titan.lineage.record import of_decision

        # each try is answered by itself; the answers before it stay
        uri = self._place(context, f"decision-{decision.task_instance.try_number}.json")
        store.write(uri, decision.to_json())
        for key, value in told_of(decision).items():
            context["ti"].xcom_push(key=key, value=value)
        self.push_record(context, {**shown.summary(self._place(context)), "shown": len(shown.inputs)})
        who = "nobody in time" if decision.timedout else "a person"
        self.log.info("Answered by %s: %d chosen; the record is %s", who, len(decision.chosen), uri)
        if decision.chosen:
            record = {"manifest_uri": uri, "task": "review", "status": "complete", "images": len(decision.chosen)}
            self.tell(context, record, of_decision(decision, uri))
            return list(decision.chosen)
        message = f"all {len(decision.rejected)} images were turned down"
        if settings.skips:
            raise AirflowSkipException(f"Rejected: {message}")
        raise Rejected(
            f"images: got {len(decision.rejected)}, and {message}; allowed is to choose. Read the remark in XCom, make "
            'others and ask again; or give on_reject="skip", to go on without.'
        )

    def _place(self, context: Context, name: str = "") -> str:
        """Return the URI of one of this task instance's records; by default, of that of the images."""
        from airflow_titan.generation.published import MANIFEST
        from airflow_titan.generation.review import SUBJECT

        return f"{self.location(context).folder(SUBJECT)}/{name or MANIFEST}"

    def _add_form(self) -> None:
        """
        Add to the form what can be typed besides the choice, empty.

        Airflow puts what a run is triggered with into every param of that name, and nobody has typed that here.
        """
        for name in self._typed:
            self.params[name] = text_field(*_FORM[name])


def _pictures(ti: Any, uris: Sequence[str], store: ObjectStore) -> Iterator[Picture]:
    """Yield the images as the gallery shows them, with what their own records say of them."""
    from airflow_titan.generation.review import Picture
    from airflow_titan.generation.review_pictures import read_origins
    from airflow_titan.links.images import below_airflow

    page = routes.task_instance_page(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)
    origins = read_origins(uris, store)
    for number, uri in enumerate(uris):
        prompt, seed = origins.get(uri, (None, None))
        thumbnail = below_airflow(routes.picture(page, "inputs", number, thumbnail=True))
        yield Picture(thumbnail, below_airflow(routes.picture(page, "inputs", number)), prompt, seed)
