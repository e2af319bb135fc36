"""Where the record of a rate group lies: as an object in S3, or under a key in Redis."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_titan.aws.uri import canonical_prefix, split
from airflow_titan.errors import ConfigurationError, Problem, abbreviate
from airflow_titan.parameters import is_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.generation.lane import Endpoint

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_URI = re.compile(r"s3[an]?://", re.IGNORECASE)
#: What all keys in Redis begin with, so that one pattern allows a user these and no others.
KEYS = "airflow_titan:"


@dataclass(frozen=True)
class Place:
    """
    A rate group.

    :param name: what users call it
    :param uri: where its record lies in S3, or its key in Redis
    :param redis: the Airflow connection of that Redis; ``None`` if the record lies in S3
    """

    name: str
    uri: str
    redis: str | None = None

    def __str__(self) -> str:
        return f"{self.uri} in Redis (connection {self.redis!r})" if self.redis else self.uri

    @classmethod
    def of(
        cls,
        name: str,
        *,
        root: str | None,
        prefix: str | None,
        connection: str | None = None,
        redis: str | None = None,
    ) -> Place:
        """
        Find the place of a rate group.

        :param name: what it is called, or the URI of its record
        :param root: the deployment's output root: all tasks have that in common
        :param prefix: the task's own, for want of it
        :param connection: the Airflow connection by which S3 is asked
        :param redis: the Airflow connection of the Redis that the record lies in
        :raises ConfigurationError: if that is no place in S3
        """
        if redis:
            return cls(name, f"{KEYS}rate_group={name}", redis)
        try:
            if "://" in name:
                split(name, connection)
                return cls(name, name)
            # no id of a DAG has such a sign in it
            return cls(name, f"{canonical_prefix(root or prefix, connection)}/rate_group={name}.json")
        except ValueError as error:
            raise ConfigurationError(
                f"rate_group: got {abbreviate(name)}, whose place {error}; allowed is a name, or s3://bucket/key of "
                "its record. Check [titan] output_root, or give it a key of its own."
            ) from None

    def at(self, endpoint: Endpoint) -> Place:
        """Return the group's place for calls that go elsewhere than tasks usually do, whose quota is another."""
        if not any(endpoint):
            return self
        where = quote(str(endpoint), safe="@")
        stem, dot, ending = self.uri.rpartition(".")
        is_file = dot and "/" not in ending and not self.redis
        uri = f"{stem}@{where}.{ending}" if is_file else f"{self.uri}@{where}"
        return replace(self, name=f"{self.name} in {endpoint}", uri=uri)


def problems_of(group: str | None, connection: str | None) -> Iterator[Problem]:
    """
    Yield what is wrong with what a task says of its rate group.

    :param group: its name, or the URI of its record
    :param connection: the Airflow connection of the Redis that the record lies in
    """
    if connection and (problem := together(group, connection)):
        yield problem
    elif group and not _NAME.fullmatch(group) and not _URI.match(group):
        allowed = "a name of letters, digits, dots, dashes and underscores, or s3://bucket/key"
        yield Problem("rate_group", abbreviate(group), allowed, "Choose such a name.")


def together(group: str | None, connection: str) -> Problem | None:
    """Return why there is no such group in Redis, as far as a DAG shows it before its templates are rendered."""
    if is_nothing(connection):
        return None
    if "://" in connection:
        # not shown: it may have a password
        remedy = "Add a connection for it, of type redis, and give its id."
        return Problem("rate_group_conn_id", "a URL", "the id of an Airflow connection", remedy)
    if group is None:
        value = f"{abbreviate(connection)} without rate_group"
        return Problem("rate_group_conn_id", value, "the group's name beside it", "Set rate_group.")
    if "://" in group:
        value, remedy = f"{abbreviate(group)} beside rate_group_conn_id", "Give the group a name, or no connection."
        return Problem("rate_group", value, "the URI of a record in S3, or a connection to Redis", remedy)
    return None
