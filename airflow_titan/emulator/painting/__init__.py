"""
The pictures: painted, not generated, and the same for the same request on every machine.

``scenes`` paints a picture for a text from ``subjects`` and strokes of ``brush`` in the colors of ``palette``;
``guided`` follows given colors, or another picture's structure, lines or colors; ``edit`` and ``repaint`` change a
picture with the help of ``holes``, ``around`` gives it new surroundings, ``enlarge`` makes it larger, ``cutout`` frees
its subject, ``styles`` finishes it, and ``rng`` is the randomness of all. It may enter nothing else of the emulator: it
knows texts, sizes and pixels, no bodies and no models.
"""

from .around import paint_around
from .cutout import cut_out
from .edit import inpaint, outpaint, select_region, vary
from .enlarge import enlarge
from .guided import paint_by_lines, paint_by_structure, paint_in_colors, take_palette
from .repaint import (
    blend_into_scene,
    fit_mask,
    grow_mask,
    recolor_masked,
    region_mask,
    repaint_masked,
    transparency_mask,
)
from .rng import SeededRandom
from .scenes import paint_scene
from .styles import apply_style

__all__ = [
    "SeededRandom",
    "apply_style",
    "blend_into_scene",
    "cut_out",
    "enlarge",
    "fit_mask",
    "grow_mask",
    "inpaint",
    "outpaint",
    "paint_around",
    "paint_by_lines",
    "paint_by_structure",
    "paint_in_colors",
    "paint_scene",
    "recolor_masked",
    "region_mask",
    "repaint_masked",
    "select_region",
    "take_palette",
    "transparency_mask",
    "vary",
]
