"""What can be a region of AWS's, so that a misspelt one is not waited for."""

from __future__ import annotations

import re

from airflow_titan.errors import ConfigurationError, abbreviate
from airflow_titan.parameters import suggestion

#: Where AWS has regions: the name of a country or a group of them, a direction, and a number. New ones are named alike.
_REGION = re.compile(
    r"[a-z]{2,4}(?:-[a-z]{2,4})?-(?:central|east|north|northeast|northwest|south|southeast|southwest|west)-[0-9]{1,2}"
)


def is_region(name: str) -> bool:
    """Tell whether something can be the name of a region."""
    return bool(_REGION.fullmatch(name))


def suggest_region(name: str) -> str:
    """Return a sentence on the region that may be meant, with a space before it; nothing if none is near."""
    from botocore.session import get_session

    return suggestion(name, get_session().get_available_regions("s3"))


def check_region(region: str, remedy: str = "Correct it.") -> None:
    """
    Refuse what can't be the name of a region: its endpoint has no address, and each try would ask for it.

    :param remedy: where to correct it, if it isn't where the parameter stands
    :raises ConfigurationError: if it is none
    """
    if not is_region(region):
        raise ConfigurationError(
            f"region_name: got {abbreviate(region)}; allowed is the name of an AWS region, such as us-west-2."
            f"{suggest_region(region)} {remedy}"
        )
