"""What proving a mask pure costs beyond decoding it: 1408 by 1408, as people store masks."""

from __future__ import annotations

import statistics
import time
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from airflow_titan.imaging.verify import mask_impurity, read_header

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE, RUNS = 1408, 25


def drawn(mode: str, kind: str = "PNG") -> bytes:
    """Draw a mask of some discs and boxes."""
    picture = Image.new("L", (SIDE, SIDE), 255)
    draw = ImageDraw.Draw(picture)
    for step in range(8):
        draw.ellipse((150 * step, 120 * step, 150 * step + 300, 120 * step + 260), fill=0)
        draw.rectangle((150 * step, 1100 - 120 * step, 150 * step + 90, 1200 - 120 * step), fill=0)
    out = BytesIO()
    picture.convert(mode).save(out, kind)
    return out.getvalue()


def cpu(work: Callable[[], object]) -> float:
    """Measure one run in milliseconds of CPU."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def main() -> None:
    """Measure decoding alone and the whole check in turns."""
    print(f"{'mask':<8}{'bytes':>8}{'decode':>10}{'check':>10}{'over':>10}  (median ms of CPU)")
    for mode in ("1", "L", "P", "RGB"):
        data = drawn(mode)
        runs = [
            (
                cpu(lambda data=data: Image.open(BytesIO(data)).load()),
                cpu(lambda data=data: mask_impurity(data, read_header(data))),
            )
            for _ in range(RUNS)
        ]
        decode, check = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{mode:<8}{len(data):>8}{decode:>10.2f}{check:>10.2f}{check - decode:>10.2f}")


if __name__ == "__main__":
    main()
