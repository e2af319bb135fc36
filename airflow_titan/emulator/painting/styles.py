"""Styles by name, as finishing touches: each is a few of Pillow's operations, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from . import guided

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Touch = Callable[[Image.Image], Image.Image]


def apply_style(picture: Image.Image, style: str) -> Image.Image:
    """Return a picture with the touches of a style; ``photographic`` and its like have none."""
    for touch in _STYLES.get(style.lower().replace("_", "-"), ()):
        picture = touch(picture)
    return picture


def _vivid(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Color(picture).enhance(1.7)).enhance(1.12)


def _muted(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Color(picture).enhance(0.55)


def _flat(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.BoxBlur(2)).quantize(12, dither=Image.Dither.NONE).convert("RGB")


def _soft(picture: Image.Image) -> Image.Image:
    return Image.blend(picture, picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 90)), 0.6)


def _inked(picture: Image.Image) -> Image.Image:
    return ImageChops.multiply(picture, ImageOps.invert(guided.find_edges(picture)).convert("RGB"))


def _drawn(picture: Image.Image) -> Image.Image:
    lines = ImageOps.invert(guided.find_edges(picture))
    return Image.blend(ImageOps.colorize(lines, (58, 52, 60), (250, 246, 238)), _muted(picture), 0.14)


def _warm(picture: Image.Image) -> Image.Image:
    return Image.blend(picture, ImageOps.colorize(picture.convert("L"), (54, 36, 40), (255, 238, 206)), 0.5)


def _dark(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(ImageEnhance.Contrast(picture).enhance(1.2)).enhance(0.72)


def _blocks(picture: Image.Image) -> Image.Image:
    step = max(2, max(picture.size) // 96)
    small = max(1, picture.width // step), max(1, picture.height // step)
    return picture.resize(small, Image.Resampling.BOX).resize(picture.size, Image.Resampling.NEAREST)


#: Nova Canvas's styles and Stability's presets.
_STYLES: Mapping[str, tuple[Touch, ...]] = {
    "3d-animated-family-film": (_soft, _vivid),
    "design-sketch": (_drawn,),
    "flat-vector-illustration": (_flat, _vivid),
    "graphic-novel-illustration": (_flat, _inked),
    "maximalism": (_vivid,),
    "midcentury-retro": (_flat, _warm),
    "soft-digital-painting": (_soft,),
    "3d-model": (_soft, _vivid),
    "analog-film": (_warm,),
    "anime": (_flat, _vivid),
    "cinematic": (_dark, _warm),
    "comic-book": (_flat, _inked),
    "digital-art": (_vivid,),
    "enhance": (_vivid,),
    "fantasy-art": (_soft, _vivid),
    "isometric": (_flat,),
    "line-art": (_drawn,),
    "low-poly": (_flat,),
    "modeling-compound": (_soft, _flat),
    "neon-punk": (_dark, _vivid, _vivid),
    "origami": (_flat, _soft),
    "pixel-art": (_blocks, _vivid),
    "tile-texture": (_blocks,),
}
