"""
Show results side by side: a table for the terminal, a contact sheet (PNG) and a page (HTML).

All that is shown comes from the manifests and the images in S3, so it holds for the results of any DAG.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cached_property
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: A mask prompt's region is where a picture changed by more than this, of 255.
NOTICEABLE = 8


@dataclass(frozen=True)
class Picture:
    """
    A picture with the words below it.

    :param name: a file name without its extension
    :param caption: what it is
    :param data: a PNG or JPEG
    """

    name: str
    caption: str
    data: bytes

    @property
    def file(self) -> str:
        """The file name, by what the bytes are."""
        extension = "png" if self.data.startswith(b"\x89PNG") else "jpg"
        return f"{self.name}.{extension}"

    @cached_property
    def image(self) -> Image.Image:
        """The picture itself."""
        return Image.open(BytesIO(self.data))


class Step:
    """
    What one task did.

    :param name: the task's id
    :param manifest: the record of its result
    :param fetch: reads an object from S3
    """

    def __init__(self, name: str, manifest: dict[str, Any], fetch: Callable[[str], bytes]) -> None:
        self.name = name
        self.manifest = manifest
        self.parameters: dict[str, Any] = manifest["parameters"]
        inputs = manifest["inputs"]
        self.inputs = [
            Picture(f"{name}-input-{index}", "input", fetch(item["uri"]))
            for index, item in enumerate([item for item in inputs if item["parameter"] != "mask_image"], start=1)
        ]
        self.outputs = [
            Picture(f"{name}-{index}", f"output {index}", fetch(item["uri"]))
            for index, item in enumerate(manifest["outputs"], start=1)
        ]
        self.masks = [
            Picture(f"{name}-mask", "mask", fetch(item["uri"])) for item in inputs if item["parameter"] == "mask_image"
        ]
        if self.parameters.get("mask_prompt"):
            self.masks = [
                Picture(f"{name}-mask", f"what it took for “{self.parameters['mask_prompt']}”", self._region())
            ]

    def _region(self) -> bytes:
        """Draw the region that a mask prompt selected, as a mask: seen in what changed, or in what did not."""
        before, after = (picture.image.convert("RGB") for picture in (self.inputs[0], self.outputs[0]))
        red, green, blue = ImageChops.difference(before, after).split()
        most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        inside_changes = self.manifest["task"] == "inpainting"
        mask = most.point(lambda value: 0 if (value > NOTICEABLE) == inside_changes else 255)
        mask = mask.reduce(2).filter(ImageFilter.MedianFilter(7))  # a pixel that happens to be equal is no hole
        file = BytesIO()
        mask.save(file, "PNG")
        return file.getvalue()

    @property
    def price(self) -> str:
        """The price as words."""
        price = self.manifest["price_usd"]
        return "price unknown" if price is None else f"${price:.3f}"

    @property
    def size(self) -> str:
        """The size as words."""
        output = self.manifest["outputs"][0]
        return f"{output['width']} x {output['height']}"

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What there is to say of the step, as names and values."""
        abbreviate = {name: self.parameters.get(name) for name in ("text", "negative_text", "mask_prompt")}
        abbreviate |= {"mode": self.parameters.get("outpainting_mode")}
        abbreviate |= {"similarity": self.parameters.get("similarity_strength")}
        abbreviate |= {"seed": self.manifest["seed"], "size": self.size, "price": self.price}
        return [(name.replace("_", " "), str(value)) for name, value in abbreviate.items() if value is not None]


def table(steps: list[Step]) -> str:
    """Tell the steps as a table for a terminal."""
    lines = [f"{'task':<12}{'kind':<18}{'images':>6}  {'size':<12}{'seed':>11}{'price':>10}"]
    for step in steps:
        manifest = step.manifest
        lines.append(
            f"{step.name:<12}{manifest['task']:<18}{len(step.outputs):>6}  {step.size:<12}"
            f"{manifest['seed']:>11}{step.price:>10}"
        )
        lines.extend(f"  {output['uri']}" for output in manifest["outputs"])
    return "\n".join([*lines, total(steps)])


def total(steps: list[Step]) -> str:
    """Add the prices up."""
    price = sum(step.manifest["price_usd"] or 0 for step in steps)
    models = ", ".join(sorted({step.manifest["model"]["id"] for step in steps}))
    return f"on AWS this would have cost about ${price:.3f} ({models})"


def write(steps: list[Step], folder: Path, title: str) -> None:
    """Write the contact sheet, the page, and the page's pictures."""
    pictures = folder / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    for step in steps:
        for picture in [*step.inputs, *step.masks, *step.outputs]:
            (pictures / picture.file).write_bytes(picture.data)
    (folder / "index.html").write_text(page(steps, title), encoding="utf-8")
    Sheet(steps, title).draw().save(folder / "contact-sheet.png", optimize=True)


# --- the contact sheet -----------------------------------------------------------------------------------------------

INK, GREY, PALE, LINE, PAPER, ACCENT = "#1d2430", "#6b7484", "#a9b0bc", "#dfe3ea", "#f6f7f9", "#b4531a"
MARGIN, GAP, LABEL, CELL, CAPTION, FACTS = 40, 20, 330, 270, 30, 210
HEAD = 130


class Sheet:
    """
    A picture of all steps: a row for each, with columns for what went in, the mask and what came out.

    :param steps: the steps, in their order
    :param title: the headline
    """

    def __init__(self, steps: list[Step], title: str) -> None:
        self.steps = steps
        self.title = title
        most = max((len(step.outputs) for step in steps), default=1)
        inputs = max((len(step.inputs) for step in steps), default=0)
        self.columns = [MARGIN + LABEL + GAP + index * (CELL + GAP) for index in range(inputs + 1 + most)]
        self.mask_column = inputs
        self.cell = self._cell_height()
        self.row = self.cell + CAPTION + 2 * GAP
        self.width = self.columns[-1] + CELL + MARGIN
        self.image = Image.new("RGB", (self.width, HEAD + len(steps) * self.row + MARGIN + GAP), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def _cell_height(self) -> int:
        """Give the pictures' cells the height of the tallest, and the facts beside them enough."""
        pictures = [picture for step in self.steps for picture in [*step.inputs, *step.outputs]]
        tallest = max((picture.image.height / picture.image.width for picture in pictures), default=1)
        return max(FACTS, min(CELL, round(CELL * tallest)))

    def draw(self) -> Image.Image:
        """Draw everything."""
        self._text((MARGIN, 34), self.title, 34, INK)
        self._text((MARGIN, 78), total(self.steps), 17, GREY)
        heads = {0: "INPUT", self.mask_column: "MASK (black is inside)", self.mask_column + 1: "OUTPUT"}
        for column, head in heads.items():
            self._text((self.columns[column], HEAD - 20), head, 14, GREY)
        for index, step in enumerate(self.steps):
            self._step(step, HEAD + index * self.row)
        return self.image

    def _step(self, step: Step, top: int) -> None:
        self.pen.line((MARGIN, top + 4, self.width - MARGIN, top + 4), LINE, 2)
        top += GAP
        self._text((MARGIN, top), step.name, 27, INK)
        self._text((MARGIN, top + 34), step.manifest["task"].replace("_", " "), 16, ACCENT)
        y = top + 66
        for name, value in step.facts:
            y = self._fact(name, value, y, bottom=top + self.cell + CAPTION)
        for column, picture in enumerate(step.inputs):
            self._picture(picture, column, top)
        for picture in step.masks:
            self._picture(picture, self.mask_column, top)
        for column, picture in enumerate(step.outputs, start=self.mask_column + 1):
            self._picture(picture, column, top)
        if not step.inputs:
            self._nothing(0, top, "words only")
        if not step.masks:
            self._nothing(self.mask_column, top, "no mask")

    def _fact(self, name: str, value: str, y: int, bottom: int) -> int:
        """Write one fact in the label column, wrapped; give where the next one goes."""
        indent = 104
        lines = textwrap.wrap(value, 26, max_lines=3, placeholder=" …") or [""]
        if y + len(lines) * 21 > bottom + 12:
            return y
        self._text((MARGIN, y), name, 15, GREY)
        for line in lines:
            self._text((MARGIN + indent, y), line, 16, INK)
            y += 21
        return y + 4

    def _picture(self, picture: Picture, column: int, top: int) -> None:
        left = self.columns[column]
        thumbnail = ImageOps.contain(picture.image.convert("RGB"), (CELL, self.cell), Image.Resampling.LANCZOS)
        x, y = left + (CELL - thumbnail.width) // 2, top + (self.cell - thumbnail.height) // 2
        self.image.paste(thumbnail, (x, y))
        self.pen.rectangle((x - 1, y - 1, x + thumbnail.width, y + thumbnail.height), outline=LINE)
        caption = textwrap.shorten(picture.caption, 34, placeholder=" …")
        self._text((left, top + self.cell + 9), caption, 15, GREY)

    def _nothing(self, column: int, top: int, words: str) -> None:
        left = self.columns[column]
        self.pen.rounded_rectangle((left, top, left + CELL, top + self.cell), 10, outline=LINE)
        font = ImageFont.load_default(16)
        self.pen.text((left + CELL / 2, top + self.cell / 2), words, PALE, font, anchor="mm")

    def _text(self, at: tuple[int, int], words: str, size: int, color: str) -> None:
        self.pen.text(at, words, color, ImageFont.load_default(size))


# --- the page --------------------------------------------------------------------------------------------------------

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2430; background: #f6f7f9; margin: 2rem auto; max-width: 1500px;
  padding: 0 1.5rem }
header p, figcaption, dt { color: #6b7484 }
section { display: flex; flex-wrap: wrap; gap: 1.5rem; border-top: 2px solid #dfe3ea; padding: 1.5rem 0 }
.facts { flex: 0 0 17rem } h1, h2 { margin: 0; line-height: 1.2 } .kind { color: #b4531a; margin: 0 0 1rem }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 0 }
dd { margin: 0; overflow-wrap: anywhere }
.pictures { flex: 1; display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0; width: 15rem }
figure img { width: 100%; display: block; background: #fff; border: 1px solid #dfe3ea; border-radius: 6px }
figcaption { font-size: .85rem; overflow-wrap: anywhere }
"""


def page(steps: list[Step], title: str) -> str:
    """Write the page. Whatever a user can have typed is escaped."""
    sections = "\n".join(_section(step) for step in steps)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f"<body><header><h1>{escape(title)}</h1><p>{escape(total(steps))}</p></header>\n{sections}\n</body></html>\n"
    )


def _section(step: Step) -> str:
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in step.facts)
    figures = "".join(
        f'<figure><a href="images/{escape(picture.file)}"><img src="images/{escape(picture.file)}" '
        f'alt="{escape(picture.caption)} of {escape(step.name)}" loading="lazy"></a>'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        for picture in [*step.inputs, *step.masks, *step.outputs]
    )
    kind = escape(step.manifest["task"].replace("_", " "))
    return (
        f'<section><div class="facts"><h2>{escape(step.name)}</h2><p class="kind">{kind}</p><dl>{facts}</dl></div>'
        f'<div class="pictures">{figures}</div></section>'
    )
