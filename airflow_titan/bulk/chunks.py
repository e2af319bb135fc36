"""How a file of requests is divided among shards, and into the chunks that they take from each other."""

from __future__ import annotations

import bisect
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Chunks of each shard, at least, where it has so many lines. What one shard still has to do when nothing is left for
#: the others is less than a chunk: at a quarter of their pace, a twentieth of the time of all.
_CHUNKS_EACH = 64
#: Lines of a chunk, at most: those of a shard that has died wait for its next try.
_LARGEST = 500


@dataclass(frozen=True, slots=True)
class Division:
    """
    What is whose: chunks of consecutive lines, dealt out to the shards in turn.

    :param shards: how many there are
    :param size: lines of a chunk; blank ones don't count
    """

    shards: int
    size: int = 1

    @classmethod
    def into_chunks(cls, lines: int, shards: int) -> Division:
        """Divide so many lines such that shards can take chunks from each other: the same way on each of them."""
        return cls(shards, min(max(1, lines // (shards * _CHUNKS_EACH)), _LARGEST))

    def home(self, index: int) -> int:
        """Return the shard whose line that is by the division."""
        return index // self.size % self.shards


class Chunks:
    """
    Where the chunks of a file of requests lie, and what is in them.

    :param division: what a chunk is
    """

    def __init__(self, division: Division) -> None:
        self.division = division
        self.lines = 0
        #: For each chunk, how many requests it has: with ``images_as``, a line may be several.
        self.requests: list[int] = []
        self._numbers: list[int] = []
        self._starts: list[int] = []
        self._content = hashlib.sha256()

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def digest(self) -> str:
        """SHA-256 of the lines and of how they are divided, in hexadecimal digits: shards go by the same chunks."""
        content = self._content.copy()
        content.update(f"\0{self.division}".encode())
        return content.hexdigest()

    def add(self, start: int, number: int, data: bytes, requests: int) -> None:
        """
        Take note of the next line.

        :param start: the byte at which it begins
        :param number: its number in the file, from 1
        :param requests: how many requests it is
        """
        if self.lines % self.division.size == 0:
            self.requests.append(0)
            self._numbers.append(number)
            self._starts.append(start)
        self.lines += 1
        self.requests[-1] += requests
        self._content.update(b"%d %d\n" % (number, len(data)))
        self._content.update(data)

    def place(self, chunk: int) -> tuple[int, int]:
        """Return the byte at which a chunk begins, and the number of the line before it."""
        return self._starts[chunk], self._numbers[chunk] - 1

    def holding(self, number: int) -> int:
        """Return the chunk that a line is in, by its number in the file."""
        return bisect.bisect(self._numbers, number) - 1

    def home(self, chunk: int) -> int:
        """Return the shard whose chunk that is by the division."""
        return chunk % self.division.shards

    def of(self, shard: int) -> Iterator[int]:
        """Give the chunks that are a shard's by the division, in order."""
        return iter(range(shard, len(self), self.division.shards))
