"""Pictures for the docs, taken of what a browser shows while tests look at it."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

#: Whether they are taken anew.
SHOOTING = os.environ.get("TITAN_SCREENSHOTS") == "1"
_IMAGES = Path(__file__).parents[2] / "docs" / "images"


def shoot(page: Page, name: str, part: Locator | None = None) -> None:
    """
    Take a picture for the docs, where they are asked for: few enough colors that it stays small.

    :param part: what of the page; default: all that the window shows
    """
    if not SHOOTING:
        return
    from PIL import Image

    page.wait_for_timeout(1500)
    image = Image.open(BytesIO((part or page).screenshot())).convert("RGB")
    image.quantize(224, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(_IMAGES / f"{name}.png", optimize=True)
