"""Where results lie in S3, so that no two task instances and no two requests share a key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_titan.aws.uri import canonical_prefix, split
from airflow_titan.errors import ConfigurationError, abbreviate

if TYPE_CHECKING:
    from airflow_titan.generation.manifest import TaskInstance

#: Hexadecimal digits of a hash in a key: 64 bits, far more than one prefix will ever hold.
DIGITS = 16
#: S3 takes keys of 1,024 bytes. Three ids and the rest of a key fit in that, if none of them is longer than this.
_MAX_SEGMENT = 220
#: In bytes: it leaves room for the folder of a request and the name of an image.
_MAX_PREFIX = 950


@dataclass(frozen=True)
class ResultLocation:
    """
    Where the results of one task instance lie.

    :param prefix: ``s3://bucket/some/prefix``; what is written there depends on ``owner`` too, so owners may share it
    :param owner: the task instance
    :param rerun_key: another one is another place and another seed: how a user asks for a fresh picture
    :param request_id: which of the task's requests, where it makes many; each has a place of its own
    :param group: which shards of a mapped task have the place in common, where any of them may make a request; ``None``
        if it is the owner's alone
    """

    prefix: str
    owner: TaskInstance
    rerun_key: str = ""
    request_id: str = ""
    group: int | None = None

    @classmethod
    def of(
        cls,
        owner: TaskInstance,
        *,
        prefix: str | None,
        root: str | None,
        rerun_key: str = "",
        connection: str | None = None,
    ) -> ResultLocation:
        """
        Return the place for a task instance.

        :param prefix: what the user chose
        :param root: the deployment's output root, for users who chose nothing
        :param connection: the Airflow connection by which S3 is asked, which either may name
        :raises ConfigurationError: if there is neither, or it is no place in S3
        """
        chosen = prefix or root
        if not chosen:
            raise ConfigurationError(
                "output_prefix: got nothing; allowed is s3://bucket/prefix. Set it on the task, or set output_root in "
                "the [titan] section of Airflow's configuration."
            )
        for id_ in ("dag_id", "run_id", "task_id"):
            _check_unicode(id_, getattr(owner, id_), "Give it another id.")
        _check_unicode("output_prefix" if prefix else "[titan] output_root", chosen, "Check what it renders to.")
        below = [] if prefix else [owner.dag_id, owner.run_id, owner.task_id]
        if owner.map_index >= 0:
            below.append(str(owner.map_index))
        name = "output_prefix" if prefix else "[titan] output_root"
        try:
            location = "/".join([canonical_prefix(chosen, connection), *map(_segment, below)])
            _, key = split(f"{location}/_")
            if len(key.encode()) > _MAX_PREFIX:
                raise ValueError("is too long for S3, whose keys have at most 1,024 bytes")
        except ValueError as error:
            raise ConfigurationError(
                f"{name}: got {abbreviate(chosen)}, which {error}; allowed is s3://bucket/prefix. "
                "Check what it renders to."
            ) from None
        return cls(location, owner, rerun_key)

    def for_request(self, request_id: str) -> ResultLocation:
        """
        Return the place of one of a task's many requests, by the name that tells it from the others.

        :raises ConfigurationError: if its keys would be too long for S3
        """
        _check_unicode("id", request_id, "Decode its source as UTF-8.")
        prefix = f"{self.prefix}/{_segment(request_id)}"
        _, key = split(f"{prefix}/_")
        if len(key.encode()) > _MAX_PREFIX:
            segment = _segment(request_id)
            maximum = _MAX_PREFIX - len(key.encode()) + len(segment)
            raise ConfigurationError(
                f"id: got {abbreviate(request_id)}, which takes {len(segment)} bytes of a key; "
                f"allowed below this prefix are {maximum}. Choose shorter ids or a shorter output_prefix."
            )
        return replace(self, prefix=prefix, request_id=request_id)

    def for_shards(self, shard: int, shards: int) -> ResultLocation:
        """
        Return the place that all shards of a mapped task have in common, so that it doesn't matter which makes what.

        A task that is mapped over files and over shards has several groups of them.

        :param shard: which of them the owner is, from 0
        :param shards: how many there are
        :raises ConfigurationError: if its map index doesn't tell the shard: others would take its place for theirs
        """
        group, number = divmod(self.owner.map_index, shards)
        if group < 0 or number != shard:
            index = "in a task that isn't mapped" if group < 0 else f"at map index {self.owner.map_index}"
            raise ConfigurationError(
                f"work_stealing: got shard {shard} of {shards} {index}; allowed is one mapped task whose shards count "
                f"from 0, the last that it is mapped over: .expand(shard=list(range({shards}))). Map it so, or leave "
                "work_stealing out."
            )
        return replace(self, prefix=f"{self.prefix.rpartition('/')[0]}/shared", group=group)

    @property
    def claimer(self) -> int | None:
        """The map index of the owner, where others have the place in common with it."""
        return None if self.group is None else self.owner.map_index

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells this place from all others, and stays the same over the tries of its owner."""
        # hashed into keys and seeds: the words in it must stay as they are
        owner = self.owner.identity if self.group is None else (*self.owner.identity[:-1], f"shards {self.group}")
        request = ("line", self.request_id) if self.request_id else ()
        return (*owner, self.rerun_key, *request)

    def folder(self, fingerprint: str) -> str:
        """Return the prefix of one result; no other task instance and no other request has the same."""
        name = hashlib.sha256("\0".join([*self.identity, fingerprint]).encode()).hexdigest()
        return f"{self.prefix}/{name[:DIGITS]}"

    def seed(self, maximum: int) -> int:
        """Derive a seed up to ``maximum``: another one for each run and map index, the same one for each try."""
        digest = hashlib.sha256("\0".join(("seed", *self.identity)).encode()).digest()
        return int.from_bytes(digest[:8], "big") % (maximum + 1)


def _check_unicode(name: str, value: str, remedy: str) -> None:
    """
    See that a text can be part of a key.

    :raises ConfigurationError: if it holds half of a surrogate pair
    """
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"{name}: got {abbreviate(value)} with half of a surrogate pair; allowed is valid Unicode. {remedy}"
        ) from None


def _segment(name: str) -> str:
    """Return an id as one segment of a key that it can't leave: no slash, never only dots, and not too long for S3."""
    safe = quote(name, safe=":+@=,~ ")
    if len(safe) > _MAX_SEGMENT:
        safe = f"{safe[:_MAX_SEGMENT]}-{hashlib.sha256(name.encode()).hexdigest()[:DIGITS]}"
    return safe.replace(".", "%2E") if not safe.strip(".") else safe
