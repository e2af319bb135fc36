"""What is kept for a while, with a bound."""

from __future__ import annotations

from airflow_titan.plugin.cache import BoundedCache


def test_what_was_used_longest_ago_goes_first() -> None:
    """Looking at something keeps it."""
    cache: BoundedCache[str] = BoundedCache(3)
    for name in "abc":
        cache.put(name, name)
    assert cache.get("a") == "a"
    cache.put("d", "d")
    assert [cache.get(name) for name in "abcd"] == ["a", None, "c", "d"]


def test_the_bound_is_of_weight() -> None:
    """What weighs more than the bound isn't kept, and puts nothing out."""
    cache: BoundedCache[bytes] = BoundedCache(10, weigh=len)
    cache.put("small", b"1234")
    cache.put("huge", b"x" * 11)
    assert (cache.get("small"), cache.get("huge"), cache.weight) == (b"1234", None, 4)
    cache.put("large", b"12345678")
    assert (cache.get("small"), cache.weight) == (None, 8)


def test_what_goes_is_released() -> None:
    """Also what is put in again, and what a cache that is emptied held."""
    gone: list[str] = []
    cache: BoundedCache[str] = BoundedCache(1, release=gone.append)
    for value in ("first", "second"):
        cache.put("a", value)
    cache.put("b", "third")
    cache.clear()
    assert (gone, cache.weight) == (["first", "second", "third"], 0)


def test_what_is_old_is_not_given() -> None:
    """It is as if it had never been there."""
    cache: BoundedCache[str] = BoundedCache(3, seconds=-1)
    cache.put("a", "a")
    assert (cache.get("a"), len(cache)) == (None, 0)
