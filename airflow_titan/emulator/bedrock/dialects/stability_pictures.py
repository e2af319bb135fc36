"""What Stability AI's models show: a painter for each kind of task, by the name that ``models.toml`` gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from airflow_titan.emulator import painting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_titan.emulator.painting import SeededRandom

    from .stability import Job

    Painter = Callable[[Job, SeededRandom], Image.Image]


def paint(job: Job) -> Image.Image:
    """Return the picture of a job, always the same for the same job."""
    # How strongly something is to show draws nothing: stronger shows more of the same.
    rng = painting.SeededRandom(job.task, job.text, job.values.get("negative_prompt", ""), job.seed)
    return _PAINTERS[job.task](job, rng)


def _generate(job: Job, rng: SeededRandom) -> Image.Image:
    scene = _scene(job, rng)
    return painting.blend_into_scene(_first(job), scene, float(job.values["strength"])) if job.images else scene


def _repaint(job: Job, rng: SeededRandom) -> Image.Image:
    assert job.change  # noqa: S101  (the dialect reads one for this task)
    return painting.repaint_masked(_first(job), job.change, job.text, _style(job), rng)


def _recolor(job: Job, rng: SeededRandom) -> Image.Image:
    assert job.change  # noqa: S101  (the dialect reads one for this task)
    return painting.recolor_masked(_first(job), job.change, job.text, _style(job), rng)


def _outpaint(job: Job, rng: SeededRandom) -> Image.Image:
    place = int(job.values["left"]), int(job.values["up"])
    return painting.paint_around(
        _first(job), job.size, place, job.text, rng, creativity=float(job.values["creativity"]), style=_style(job)
    )


def _enlarge(job: Job, rng: SeededRandom) -> Image.Image:
    return painting.enlarge(job.images[0], job.size, rng)


def _reimagine(job: Job, rng: SeededRandom) -> Image.Image:
    first = _first(job)
    scene = painting.paint_scene(job.text, first.size, rng)
    imagined = painting.blend_into_scene(first, scene, float(job.values["creativity"]) / 2)
    return painting.enlarge(painting.apply_style(imagined, _style(job)), job.size, rng, imagined=True)


def _follow_structure(job: Job, rng: SeededRandom) -> Image.Image:
    control = "CANNY_EDGE", float(job.values["control_strength"])
    return _styled(job, painting.paint_by_structure(job.text, job.size, _first(job), control, rng))


def _follow_sketch(job: Job, rng: SeededRandom) -> Image.Image:
    strength = float(job.values["control_strength"])
    return _styled(job, painting.paint_by_lines(job.text, job.size, _first(job), strength, rng))


def _guide_style(job: Job, rng: SeededRandom) -> Image.Image:
    scene = _scene(job, rng)
    return painting.take_palette(scene, _first(job), float(job.values["fidelity"]) ** 0.5)


def _transfer_style(job: Job, rng: SeededRandom) -> Image.Image:
    first, second = (image.convert("RGB") for image in job.images)
    scene = painting.paint_scene(job.text, first.size, rng)
    composed = painting.blend_into_scene(first, scene, (1 - float(job.values["composition_fidelity"])) / 2)
    share = float(job.values["style_strength"]) * float(job.values["change_strength"])
    # Without any of the style there is nothing of the scene either: the page says "identical to the input".
    return Image.blend(first, painting.take_palette(composed, second, 1), share)


def _scene(job: Job, rng: SeededRandom) -> Image.Image:
    return _styled(job, painting.paint_scene(job.text, job.size, rng))


def _styled(job: Job, picture: Image.Image) -> Image.Image:
    return painting.apply_style(picture, _style(job))


def _style(job: Job) -> str:
    style: str = job.values.get("style_preset", "")
    return style


def _first(job: Job) -> Image.Image:
    return job.images[0].convert("RGB")


_PAINTERS: Mapping[str, Painter] = {
    "generate": _generate,
    "repaint": _repaint,
    "recolor": _recolor,
    "outpaint": _outpaint,
    "cut_out": lambda job, _: painting.cut_out(job.images[0]),
    "enlarge": _enlarge,
    "reimagine": _reimagine,
    "follow_structure": _follow_structure,
    "follow_sketch": _follow_sketch,
    "guide_style": _guide_style,
    "transfer_style": _transfer_style,
}
