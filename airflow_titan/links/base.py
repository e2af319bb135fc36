"""What links to AWS's console share: the record that they are made from, and the console's address."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

#: AWS's console in each partition that is known to have one open to everybody, by how the partition's regions begin.
_CONSOLES = {"us-gov-": "console.amazonaws-us-gov.com", "cn-": "console.amazonaws.cn"}
_USUAL_CONSOLE = "console.aws.amazon.com"
#: Partitions with a console of their own that nobody outside can look at; they get no link rather than a wrong one.
_OTHER_PARTITIONS = ("us-iso", "eu-iso", "eusc-")
_REGION = re.compile(r"[a-z0-9-]+")


class ConsoleLink(BaseOperatorLink):
    """A page of AWS's console, known from a task's record in XCom; no link where the record doesn't tell."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Return the page's address, or nothing.

        :param ti_key: the task instance, whose XCom ``manifest`` is looked at, or ``record``
        """
        from airflow.providers.common.compat.sdk import XCom

        del operator  # its fields may have been templates; the record says what became of them
        record = XCom.get_value(ti_key=ti_key, key="manifest") or XCom.get_value(ti_key=ti_key, key="record")
        if not isinstance(record, dict):
            return ""
        try:
            return self.address(record)
        except (AttributeError, TypeError, ValueError):  # users can write XCom too
            return ""

    @abstractmethod
    def address(self, record: Mapping[str, Any]) -> str:
        """
        Return the page's address, or nothing where the record doesn't tell.

        :param record: XCom ``manifest``, or ``record`` of a task that has none
        """


def console(region: str | None) -> str | None:
    """
    Return the address of AWS's console for a region, ``None`` where there is none that is known.

    :param region: nothing where it isn't known: the console then opens in the viewer's own
    """
    if not region:
        return f"https://{_USUAL_CONSOLE}"
    if region.startswith(_OTHER_PARTITIONS) or not _REGION.fullmatch(region):
        return None
    host = next((host for start, host in _CONSOLES.items() if region.startswith(start)), _USUAL_CONSOLE)
    return f"https://{region}.{host}"
