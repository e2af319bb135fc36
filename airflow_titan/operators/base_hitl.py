"""What the standard provider brings to ask people, or what says that it isn't there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_titan.errors import ConfigurationError

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


__all__ = ["HITLOperator"]
