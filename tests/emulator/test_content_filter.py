"""The content filter: its three words, where they count, and what the client sees of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from client import inpainting, outpainting, text_image, variation

if TYPE_CHECKING:
    from client import Titan

    from airflow_titan.emulator import Emulator

BLOCKED = (
    "This request has been blocked by our content filters. Our filters automatically flagged this prompt because it "
    "may conflict our AUP or AWS Responsible AI Policy. Please adjust your text prompt to submit a new request."
)
ALL = "All of the generated images have been blocked by our content filters."
SOME = "Some of the generated images have been blocked by our content filters."


@pytest.mark.parametrize(
    "body",
    [
        text_image("a flagged cup"),
        text_image("FLAGGED"),
        text_image("is it (Flagged)?"),
        text_image(params={"negativeText": "flagged"}),
        inpainting({"text": "flagged"}),
        inpainting({"maskPrompt": "the flagged part"}),
        outpainting({"text": "flagged"}),
        variation(params={"text": "flagged"}),
    ],
)
def test_a_flagged_word_blocks_the_request(titan: Titan, emulator: Emulator, body: Any) -> None:
    """In any text and letter case: HTTP 400 with the words seen from Titan, and no bill."""
    refusal = titan.refusal(body)
    assert (refusal.status, refusal.type, refusal.message) == (400, "ValidationException", BLOCKED)
    assert (emulator.billed, emulator.calls[0].images) == (0, 0)


@pytest.mark.parametrize("text", ["unflagged", "flaggedly", "flag", "re-flagged", "flagged-up", "flagged_"])
def test_only_the_whole_word_counts(titan: Titan, text: str) -> None:
    """A part of a longer word is no such word."""
    assert titan.answer(text_image(text)).error is None


@pytest.mark.parametrize("count", [1, 3])
def test_a_flagged_output_withholds_every_image(titan: Titan, emulator: Emulator, count: int) -> None:
    """HTTP 200 with no image and an error; the model has worked."""
    answer = titan.answer(text_image("a flagged-output cup", numberOfImages=count))
    assert (answer.images, answer.error) == ([], ALL)
    assert (emulator.calls[0].status, emulator.calls[0].billed, emulator.calls[0].images) == (200, True, 0)


def test_some_flagged_outputs_withhold_one_image(titan: Titan, emulator: Emulator) -> None:
    """The others arrive, beside an error; the one withheld is not the last."""
    three = titan.answer(text_image("a flagged-some cup", numberOfImages=3))
    two = titan.answer(text_image("a flagged-some cup", numberOfImages=2))
    assert (len(three.images), three.error) == (2, SOME)
    assert two.images == three.images[:1]
    assert (emulator.calls[0].status, emulator.calls[0].billed, emulator.calls[0].images) == (200, True, 2)
    assert emulator.calls[0].error_message == SOME


def test_some_of_one_image_are_all(titan: Titan) -> None:
    """With one image asked for none is left."""
    answer = titan.answer(variation(params={"text": "flagged-some"}))
    assert (answer.images, answer.error) == ([], ALL)


def test_a_broken_request_is_told_of_before_the_filter(titan: Titan) -> None:
    """The schema comes first."""
    assert "maxLength" in titan.malformed(text_image("flagged " + "x" * 512))
