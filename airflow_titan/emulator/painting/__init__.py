"""
The pictures: painted, not generated, and the same for the same request on every machine.

``scenes`` paints a picture for a text from ``subjects`` and strokes of ``brush`` in the colors of ``palette``;
``guided`` follows given colors or a structure, ``edit`` and ``repaint`` change a picture with the help of ``holes``,
``cutout`` frees its subject, ``styles`` finishes it, and ``rng`` is the randomness of all. It may enter nothing else of
the emulator: it knows texts, sizes and pixels, no bodies and no models.
"""

from .cutout import cut_out
from .edit import inpaint, outpaint, select_region, vary
from .guided import paint_by_structure, paint_in_colors
from .repaint import blend_into_scene, fit_mask, grow_mask, repaint_masked, transparency_mask
from .rng import SeededRandom
from .scenes import paint_scene
from .styles import apply_style

__all__ = [
    "SeededRandom",
    "apply_style",
    "blend_into_scene",
    "cut_out",
    "fit_mask",
    "grow_mask",
    "inpaint",
    "outpaint",
    "paint_by_structure",
    "paint_in_colors",
    "paint_scene",
    "repaint_masked",
    "select_region",
    "transparency_mask",
    "vary",
]
