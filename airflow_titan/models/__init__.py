"""
What each model can do, allows and costs, and how it is spoken to.

- :mod:`tasks` is what a user can ask for, one dataclass a task;
- :mod:`spec` is what is known of a model, and :mod:`catalog` reads it from ``data/*.toml``;
- :mod:`routing` says which model a request goes to;
- :mod:`validation` holds a task against a model, by :mod:`values` (what each value is read from), :mod:`input_images`
  (what an image must be), :mod:`table_sizes` (which sizes must be in the table) and
  :mod:`limits` (how bounds are measured and told);
- :mod:`names` says which parameter is meant by a name that is none;
- :mod:`families` are the wire formats: from a validated task to calls, and from a response to images;
- :mod:`listing` prints the catalog for people.

May enter ``imaging``, ``parameters`` and ``errors``; knows neither Airflow nor AWS. The face is what operators are made
of, and imports nothing else: a DAG file that names an operator enters this package.
"""

from airflow_titan.models.tasks import (
    PROMPTS,
    TASKS,
    BackgroundRemoval,
    ColorGuided,
    ImageVariation,
    Inpainting,
    Outpainting,
    Task,
    TextToImage,
    parameters,
)

__all__ = [
    "PROMPTS",
    "TASKS",
    "BackgroundRemoval",
    "ColorGuided",
    "ImageVariation",
    "Inpainting",
    "Outpainting",
    "Task",
    "TextToImage",
    "parameters",
]
