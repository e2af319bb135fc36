"""Which tasks show links."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_titan import operators
from airflow_titan.links import EXTRA_LINKS

OPERATORS = [getattr(operators, name) for name in operators.__all__]


@pytest.mark.parametrize("operator", OPERATORS, ids=operators.__all__)
def test_every_operator_shows_them(operator: Any) -> None:
    """Each class of the package has all of them, and so what is built on it."""
    assert operator.operator_extra_links == EXTRA_LINKS
    assert [link.name for link in EXTRA_LINKS] == ["Images", "S3 prefix", "Bedrock model"]


def test_a_mapped_task_shows_them() -> None:
    """Airflow keeps what the class has for each of its instances."""
    mapped = operators.TitanTextToImageOperator.partial(task_id="pictures").expand(text=["a", "b"])
    assert tuple(mapped.operator_extra_links) == EXTRA_LINKS


def test_airflow_is_told_of_them() -> None:
    """The provider's description names each class, and no other."""
    from importlib import import_module

    from airflow_titan import get_provider_info

    paths = [path.rpartition(".") for path in get_provider_info()["extra-links"]]
    classes = {getattr(import_module(module), name) for module, _, name in paths}
    assert classes == {type(link) for link in EXTRA_LINKS}
    assert len(paths) == len(EXTRA_LINKS)
