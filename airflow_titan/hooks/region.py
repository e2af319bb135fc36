"""What can be a region of AWS's, so that a misspelt one is not waited for."""

from __future__ import annotations

import re

from airflow_titan.errors import ConfigurationError, abbreviate
from airflow_titan.parameters import suggestion

#: Where AWS has regions: the name of a country or a group of them, a direction, and a number. New ones are named alike.
_REGION = re.compile(
    r"[a-z]{2,4}(?:-[a-z]{2,4})?-(?:central|east|north|northeast|northwest|south|southeast|southwest|west)-[0-9]{1,2}"
)


def check_region(region: str, connection: str) -> None:
    """
    Refuse what can't be the name of a region: its endpoint has no address, and each try would ask for it.

    :param connection: the Airflow connection that the region may come from, for the message
    :raises ConfigurationError: if it is none
    """
    if _REGION.fullmatch(region):
        return
    from botocore.session import get_session

    known = get_session().get_available_regions("s3")
    raise ConfigurationError(
        f"region_name: got {abbreviate(region)}; allowed is the name of an AWS region, such as us-west-2."
        f"{suggestion(region, known)} Correct it on the task, or in the extra of connection {connection!r}."
    )
