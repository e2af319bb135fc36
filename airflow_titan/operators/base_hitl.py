"""What the standard provider brings to ask people, or what says that it isn't there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_titan.errors import ConfigurationError, Problems, abbreviate

if TYPE_CHECKING:
    from typing import NoReturn

    from airflow.providers.standard.operators.hitl import HITLOperator
else:
    try:
        from airflow.providers.standard.operators.hitl import HITLOperator
    except Exception as error:  # noqa: BLE001 - on Airflow 2 the provider raises an error of its own, where it is there
        _LACK = str(error)

        class HITLOperator(BaseOperator):
            """Stands in the place of what this Airflow lacks, so that its absence is told where it is needed."""

            def __new__(cls, *_: Any, **__: Any) -> NoReturn:
                """Refuse."""
                _refuse(cls, _LACK)

            @classmethod
            def partial(cls, **_: Any) -> NoReturn:
                """Refuse."""
                _refuse(cls, _LACK)


#: Airflow computes when the time is over, and knows no year 10,000.
_LONGEST_WAIT = timedelta(days=36_500)
#: Characters of what may be typed into a field.
_LONGEST_TEXT = 4000


def _refuse(operator: type, lack: str) -> NoReturn:
    """
    Say that people can't be asked here.

    :raises ConfigurationError: always
    """
    from airflow import __version__ as version

    raise ConfigurationError(
        f"{operator.__name__}: got Airflow {version}, where people can't be asked ({lack}); allowed is Airflow 3.1 or "
        "later with apache-airflow-providers-standard. Upgrade, or go on with the output of the task that "
        "makes the images."
    )


def text_field(title: str, description: str) -> Any:
    """Return an empty field of the form that a person fills in, which takes text or may stay as it is."""
    from airflow.sdk import Param

    return Param(None, type=["null", "string"], title=title, description=description, maxLength=_LONGEST_TEXT)


def as_list(value: Any) -> list[Any]:
    """Return what may be one or several as a list."""
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value is None else [value]


def check_for_airflow(subject: str, response_timeout: Any, assigned_users: Any, notifiers: Any) -> None:
    """
    Look at what is Airflow's to use, which takes anything here and fails when somebody is to be asked.

    :param subject: what an error's message begins with
    :raises InvalidRequest: with every problem
    """
    problems = Problems(subject)
    if response_timeout is not None and not _is_wait(response_timeout):
        limit = f"a timedelta above 0, and at most {_LONGEST_WAIT.days:,} days"
        remedy = "Write it as timedelta(hours=1), of datetime."
        problems.add("response_timeout", abbreviate(response_timeout), limit, remedy)
    if not all(map(_is_user, as_list(assigned_users))):
        remedy = 'Write each as {"id": "7", "name": "Ada"}, both as text.'
        problems.add("assigned_users", abbreviate(assigned_users), "users with id and name, one or a list", remedy)
    # a class can be called too, and would only make a notifier that nobody calls
    if not all(callable(each) and not isinstance(each, type) for each in as_list(notifiers)):
        remedy = "Give objects of Airflow's BaseNotifier."
        problems.add("notifiers", abbreviate(notifiers), "notifiers, one or a list", remedy)
    problems.raise_if_any()


def check_gallery() -> None:
    """
    See that what is to be looked at can be seen.

    :raises ConfigurationError: if the gallery, which the pictures of a question come from, is switched off
    """
    from airflow_titan import config

    if not config.gallery():
        raise ConfigurationError(
            "[titan] gallery: got False; allowed is True where people are asked about pictures, which come from the "
            "gallery. Switch it on in the API server and in the workers, or go on without TitanReviewOperator."
        )


def _is_wait(value: Any) -> bool:
    return isinstance(value, timedelta) and timedelta() < value <= _LONGEST_WAIT


def _is_user(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) and value[name] for name in ("id", "name"))


__all__ = ["HITLOperator", "as_list", "check_for_airflow", "check_gallery", "text_field"]
