"""
The content filter: words that stand in for what a moderation model would flag, so that a test can trip it.

=================  =====================================================================================
``flagged``        stops the request before the model works, in the words of the model's family
``flagged-output`` the model works, and every image is withheld
``flagged-some``   the model works, and one image is withheld; with one image asked for, that is all of them
=================  =====================================================================================

Each counts as a whole word in any letter case, in any text of the request (``text``, ``negativeText``,
``maskPrompt``; ``prompt``, ``negative_prompt``, ``search_prompt``, ``select_prompt``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

INPUT_WORD = "flagged"
ALL_WORD = "flagged-output"
SOME_WORD = "flagged-some"

INPUT_BLOCKED = (
    "This request has been blocked by our content filters. Our filters automatically flagged this prompt because it "
    "may conflict our AUP or AWS Responsible AI Policy. Please adjust your text prompt to submit a new request."
)
NOVA_INPUT_BLOCKED = (
    "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request."
)
# Titan's own words for a withheld image aren't documented; these are Nova Canvas's.
ALL_BLOCKED = "All of the generated images have been blocked by our content filters."
SOME_BLOCKED = "Some of the generated images have been blocked by our content filters."


def is_flagged(texts: Iterable[str]) -> bool:
    """Say whether the input filter stops a request with these texts."""
    return _has(INPUT_WORD, texts)


def withhold(texts: Iterable[str], images: list[bytes]) -> tuple[list[bytes], str | None]:
    """Return the images that pass the output filter and the answer's ``error``, None when all pass."""
    texts = tuple(texts)
    some = _has(SOME_WORD, texts)
    if _has(ALL_WORD, texts) or (some and len(images) == 1):
        return [], ALL_BLOCKED
    if some:
        # Not the last one: which slot was withheld can't be told from a real answer either.
        return images[1:], SOME_BLOCKED
    return images, None


def _has(word: str, texts: Iterable[str]) -> bool:
    # A hyphen belongs to a word here, so "flagged-some" doesn't contain "flagged".
    whole = re.compile(rf"(?<![\w-]){word}(?![\w-])", re.IGNORECASE)
    return any(whole.search(text) for text in texts)
