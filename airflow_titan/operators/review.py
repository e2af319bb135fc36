"""A person who chooses among images, in Airflow's own UI."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.providers.common.compat.sdk import AirflowSkipException, ParamValidationError

from airflow_titan import __version__, routes
from airflow_titan.errors import NoAnswer, Problems, Rejected, abbreviate
from airflow_titan.operators.base import TitanBaseOperator
from airflow_titan.operators.base_hitl import HITLOperator
from airflow_titan.operators.base_signature import show_shared_parameters
from airflow_titan.parameters import ParameterReader, is_nothing, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg
    from airflow.sdk.bases.notifier import BaseNotifier
    from airflow.sdk.execution_time.hitl import HITLUser

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.review import Decision, Picture, Question
    from airflow_titan.operators.base_parameters import OutputParameters

_SUBJECT = "choosing images"
_ON_REJECT = ("fail", "skip")
#: What can be typed besides the choice: title and description of each field.
_FORM = {
    "remark": ("Remark", "Why, or what to change. It is kept with the decision."),
    "text": ("New prompt", "What to make instead or next, for the tasks that go on with it."),
}
#: What goes to XCom of the decision.
_XCOMS = ("chosen", "rejected", "remark", "text", "params_input", "responded_by_user", "responded_at", "timedout")
#: Longest remark or prompt that the form takes, in characters.
_LONGEST = 4000


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
    is given as ``params`` becomes further fields of the form.

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
        for again.
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
        from airflow_titan.generation.review import REJECT

        _check_for_airflow(response_timeout, assigned_users, notifiers)
        asked: dict[str, Any] = {
            "subject": subject,
            "body": body,
            "options": [REJECT],  # and the images, once they are known
            # older versions of the provider know none
            **({} if response_timeout is None else {"response_timeout": response_timeout}),
            "assigned_users": assigned_users,
            "notifiers": notifiers,
        }
        super().__init__(**asked, **kwargs)
        self.images = images
        self.minimum = minimum
        self.maximum = maximum
        self.on_reject = on_reject
        self.defaults: Any = defaults
        self._add_form()
        self._check_early()

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """
        Go on with an answer.

        :param event: what Airflow says of it
        """
        self._event = event
        # without the guard of Airflow's, which takes a task that goes on for one that is called by hand
        return inspect.unwrap(TitanBaseOperator.execute)(self, context)

    def run_task(self, context: Context) -> list[str]:
        """
        Ask, and wait; or go on with the answer.

        :return: the URIs of the chosen images
        """
        uris, question = self._question()
        if self._event is None:
            self._record_images(context, uris)
        elif answer := self._answer(context, question, self._event):
            return self._conclude(context, self._decision(context, uris, answer))
        self._show(context, uris, question)
        # leaves the worker by a signal of Airflow's, until there is an answer
        return inspect.unwrap(HITLOperator.execute)(self, context)  # type: ignore[no-any-return]

    def _record_images(self, context: Context, uris: Sequence[str]) -> None:
        """Write which images are shown, so that they can be shown."""
        from airflow_titan.generation.manifest import ImageManifest, Source
        from airflow_titan.generation.published import MANIFEST
        from airflow_titan.generation.review import check_readable

        location, uri = self._place(context, MANIFEST)
        store = self.store(self._s3())
        check_readable(uris, store, _SUBJECT)
        manifest = ImageManifest(
            created=datetime.now(UTC).isoformat(),
            provider=__version__,
            task="review",
            inputs=tuple(Source(parameter="images", uri=uri) for uri in uris),
            outputs=(),
            task_instance=location.owner,
        )
        store.write(uri, manifest.to_json())
        self.push_record(context, {**manifest.summary(uri), "status": "awaiting_input", "images": len(uris)})

    def _show(self, context: Context, uris: Sequence[str], question: Question) -> None:
        """Put into the fields of Airflow's operator what it is to show."""
        pictures = list(_pictures(context["ti"], uris, self.store(self._s3())))
        self.options = question.options
        self.multiple = question.multiple
        self.defaults = self._defaults(question) or None
        self.subject = self._texts("subject")["subject"] or f"{question.request} pictures"
        self.body = question.markdown(pictures, self._texts("body")["body"])

    def _answer(self, context: Context, question: Question, event: Mapping[str, Any]) -> _Answer | None:
        """
        Read an answer; nothing if it is none to go on with, which is told in the log.

        :param event: what Airflow says of it
        :raises NoAnswer: if there was none in time
        """
        if event.get("error_type") == "timeout":
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

    def _decision(self, context: Context, uris: Sequence[str], answer: _Answer) -> Decision:
        """Return the record of what was decided."""
        from airflow_titan.generation.review import Decision

        form, user = answer.told["params_input"], answer.told["responded_by_user"]
        return Decision(
            created=datetime.now(UTC).isoformat(),
            provider=__version__,
            chosen=tuple(uris[number - 1] for number in answer.numbers),
            rejected=tuple(uri for number, uri in enumerate(uris, start=1) if number not in answer.numbers),
            remark=str(form.get("remark") or ""),
            text=str(form.get("text") or ""),
            params_input=form,
            responded_by_user=user,
            responded_at=answer.told["responded_at"].isoformat(),
            timedout=user is None,
            task_instance=self.location(context).owner,
        )

    def _conclude(self, context: Context, decision: Decision) -> list[str]:
        """
        Keep a decision in S3 and in XCom, and end the task by it.

        :return: the URIs of the chosen images
        """
        # each try is answered by itself; the answers before it stay
        _, uri = self._place(context, f"decision-{decision.task_instance.try_number}.json")
        self.store(self._s3()).write(uri, decision.to_json())
        told = decision.model_dump(mode="json")
        for key in _XCOMS:
            context["ti"].xcom_push(key=key, value=told[key])
        who = "nobody in time" if decision.timedout else "a person"
        self.log.info("Answered by %s: %d chosen; the record is %s", who, len(decision.chosen), uri)
        if decision.chosen:
            return list(decision.chosen)
        message = f"all {len(decision.rejected)} images were turned down"
        if self._on_reject() == "skip":
            raise AirflowSkipException(f"Rejected: {message}")
        raise Rejected(
            f"images: got {len(decision.rejected)}, and {message}; allowed is to choose. Read the remark in XCom, make "
            'others and ask again; or give on_reject="skip", to go on without.'
        )

    def _place(self, context: Context, name: str) -> tuple[ResultLocation, str]:
        """Return where this task instance's records lie, and the URI of one."""
        location = self.location(context)
        return location, f"{location.folder(_SUBJECT)}/{name}"

    def _question(self) -> tuple[list[str], Question]:
        """
        Read what is asked, from the rendered fields.

        :return: the images' URIs, and the question
        :raises InvalidRequest: with every problem
        """
        from airflow_titan.generation.review import MAX_IMAGES, Question

        problems = Problems(_SUBJECT)
        reader = ParameterReader(problems)
        uris = reader.uris("images", self.images, required=True)
        count = len(uris)
        if count > MAX_IMAGES:
            problems.add(
                "images", f"{count} images", f"1 to {MAX_IMAGES}", "Ask in several tasks, or map one over parts."
            )
        minimum, maximum = self._bounds(reader, count or MAX_IMAGES)
        question = Question(count, minimum, maximum)
        self._defaults(question, reader)
        self._on_reject(reader)
        problems.raise_if_any()
        return uris, question

    def _bounds(self, reader: ParameterReader, count: int) -> tuple[int, int]:
        """Read how many images are to be chosen, of how many."""
        few = "Choose no more than there are images."
        minimum = reader.whole_number("minimum", self.minimum, default=1, minimum=1, maximum=count, remedy=few)
        # without a maximum of its own: what may be chosen of many may be chosen of few
        maximum = reader.whole_number("maximum", self.maximum, default=count, minimum=1)
        if maximum < minimum:
            reader.problems.add(
                "maximum", str(maximum), f"{minimum} or more, as minimum says", "Raise it, or lower minimum."
            )
        return minimum, min(maximum, count)

    def _defaults(self, question: Question, reader: ParameterReader | None = None) -> list[str]:
        """Read what is chosen where nobody answers; nothing where nothing is."""
        from airflow_titan.generation.review import REJECT, parse_defaults

        if is_nothing(self.defaults):
            return []
        try:
            parts = [part for text in parts_of(self.defaults) for part in _split(text)]
            options = parse_defaults(parts, question.count)
            question.read(options)
        except ValueError as error:
            if reader:
                limit = f"{question.range} numbers from 1 to {question.count}, or {REJECT}"
                value = f"{abbreviate(self.defaults)}, which {error}"
                reader.problems.add("defaults", value, limit, "Name the pictures by their place in images.")
            return []
        return options

    def _on_reject(self, reader: ParameterReader | None = None) -> str:
        """Read what to do when all images are turned down."""
        reader = reader or ParameterReader(Problems(_SUBJECT))
        word: str = reader.word("on_reject", self.on_reject, _ON_REJECT, default="fail")
        return word

    def _add_form(self) -> None:
        """Add to the form what can be typed besides the choice."""
        from airflow.sdk import Param

        for name, (title, description) in _FORM.items():
            self.params[name] = Param(
                None, type=["null", "string"], title=title, description=description, maxLength=_LONGEST
            )

    def _check_early(self) -> None:
        """
        Look at what is known when the DAG is parsed already.

        :raises InvalidRequest: with every problem
        """
        from airflow_titan.generation.review import MAX_IMAGES, Question

        problems = Problems(_SUBJECT)
        reader = ParameterReader(problems)
        count = len(reader.uris("images", self.images, required=True)) if _is_known(self.images) else MAX_IMAGES
        if _is_known(self.on_reject):
            self._on_reject(reader)
        if _is_known([self.minimum, self.maximum]):
            minimum, maximum = self._bounds(reader, count or MAX_IMAGES)
            if _is_known(self.defaults) and not problems:
                self._defaults(Question(count, minimum, maximum), reader)
        problems.raise_if_any()


def _check_for_airflow(response_timeout: Any, assigned_users: Any, notifiers: Any) -> None:
    """
    Look at what is Airflow's to use, which takes anything here and fails when somebody is to be asked.

    :raises InvalidRequest: with every problem
    """
    from datetime import timedelta

    problems = Problems(_SUBJECT)
    if response_timeout is not None and not (
        isinstance(response_timeout, timedelta) and response_timeout > timedelta()
    ):
        remedy = "Write it as timedelta(hours=1), of datetime."
        problems.add("response_timeout", abbreviate(response_timeout), "a timedelta above 0", remedy)
    users = [assigned_users] if isinstance(assigned_users, dict) else assigned_users or []
    if not isinstance(users, list | tuple) or not all(
        isinstance(user, dict) and {"id", "name"} <= set(user) for user in users
    ):
        remedy = 'Write each as {"id": "7", "name": "Ada"}.'
        problems.add("assigned_users", abbreviate(assigned_users), "users with id and name, one or a list", remedy)
    told = notifiers if isinstance(notifiers, list | tuple) else [notifiers] if notifiers else []
    if not all(callable(each) for each in told):
        problems.add(
            "notifiers", abbreviate(notifiers), "notifiers, one or a list", "Give objects of Airflow's BaseNotifier."
        )
    problems.raise_if_any()


def _is_known(value: Any) -> bool:
    """Return whether a value is what it will be: no template, no output of a task."""
    if isinstance(value, str):
        return not any(mark in value for mark in ("{{", "{%", "{#"))
    if isinstance(value, list | tuple):
        return all(map(_is_known, value))
    return value is None or isinstance(value, int | float)


def _split(part: Any) -> list[Any]:
    """Return what a text holds with commas between; anything else alone."""
    return part.split(",") if isinstance(part, str) else [part]


def _pictures(ti: Any, uris: Sequence[str], store: ObjectStore) -> Iterator[Picture]:
    """Yield the images as the gallery shows them, with what their own records say of them."""
    from airflow_titan.generation.review import Picture, read_origins
    from airflow_titan.links.images import below_airflow

    page = routes.task_instance_page(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)
    origins = read_origins(uris, store)
    for number, uri in enumerate(uris):
        prompt, seed = origins.get(uri, (None, None))
        thumbnail = below_airflow(routes.picture(page, "inputs", number, thumbnail=True))
        yield Picture(thumbnail, below_airflow(routes.picture(page, "inputs", number)), prompt, seed)
