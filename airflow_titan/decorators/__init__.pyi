# Written by tests/unit/decorators/type_stub.py from the operators' own parameters.

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, Unpack, overload

from airflow.providers.common.compat.sdk import XComArg
from airflow.sdk.definitions.template import LiteralValue  # type: ignore[attr-defined]

from airflow_titan.operators.base_parameters import GenerationOptions, ModelOptions

class Decorator(NamedTuple):
    operator: str
    parameter: str

DECORATORS: dict[str, Decorator]

class DecoratedTask(Protocol):
    # what a function takes, the output of another task may stand for, whatever its type
    def __call__(self, *args: Any, **kwargs: Any) -> XComArg: ...
    def expand(self, **kwargs: Any) -> XComArg: ...
    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg: ...
    def partial(self, **kwargs: Any) -> DecoratedTask: ...
    def override(self, **kwargs: Any) -> DecoratedTask: ...

_Parameters: TypeAlias = Mapping[str, Any]
_Text: TypeAlias = str | LiteralValue | _Parameters
_Picture: TypeAlias = _Text | Sequence[str]
_Requests: TypeAlias = _Text | Iterable[Mapping[str, Any]]
_TextFunction: TypeAlias = Callable[..., _Text] | Callable[..., Awaitable[_Text]]
_PictureFunction: TypeAlias = Callable[..., _Picture] | Callable[..., Awaitable[_Picture]]
_RequestsFunction: TypeAlias = Callable[..., _Requests] | Callable[..., Awaitable[_Requests]]

@overload
def titan_background_removal(python_callable: _PictureFunction, /) -> DecoratedTask: ...
@overload
def titan_background_removal(
    *,
    image: str | Sequence[str] | XComArg = ...,
    task_id: str = ...,
    **kwargs: Unpack[ModelOptions],
) -> Callable[[_PictureFunction], DecoratedTask]: ...
@overload
def titan_bulk(python_callable: _RequestsFunction, /) -> DecoratedTask: ...
@overload
def titan_bulk(
    *,
    requests: str | Sequence[Mapping[str, Any]] | XComArg = ...,
    defaults: Mapping[str, Any] | XComArg | None = ...,
    images_as: str | XComArg | None = ...,
    null_means: str | XComArg = ...,
    max_concurrency: int | str | XComArg = ...,
    requests_per_minute: float | str | XComArg | None = ...,
    rate_group: str | XComArg | None = ...,
    rate_group_conn_id: str | XComArg | None = ...,
    max_in_flight_mb: int | str | XComArg = ...,
    validate: str | XComArg = ...,
    max_failures: float | str | XComArg = ...,
    shard: int | str | XComArg = ...,
    shards: int | str | XComArg = ...,
    work_stealing: bool | str | XComArg = ...,
    results_format: str | XComArg = ...,
    task_id: str = ...,
    **kwargs: Unpack[ModelOptions],
) -> Callable[[_RequestsFunction], DecoratedTask]: ...
@overload
def titan_color_guided(python_callable: _TextFunction, /) -> DecoratedTask: ...
@overload
def titan_color_guided(
    *,
    text: str | XComArg = ...,
    colors: str | Sequence[str] | XComArg = ...,
    reference_image: str | Sequence[str] | XComArg | None = ...,
    negative_text: str | XComArg | None = ...,
    task_id: str = ...,
    **kwargs: Unpack[GenerationOptions],
) -> Callable[[_TextFunction], DecoratedTask]: ...
@overload
def titan_image_variation(python_callable: _TextFunction, /) -> DecoratedTask: ...
@overload
def titan_image_variation(
    *,
    images: str | Sequence[Any] | XComArg = ...,
    text: str | XComArg | None = ...,
    negative_text: str | XComArg | None = ...,
    similarity_strength: float | str | XComArg | None = ...,
    task_id: str = ...,
    **kwargs: Unpack[GenerationOptions],
) -> Callable[[_TextFunction], DecoratedTask]: ...
@overload
def titan_inpainting(python_callable: _TextFunction, /) -> DecoratedTask: ...
@overload
def titan_inpainting(
    *,
    image: str | Sequence[str] | XComArg = ...,
    mask_prompt: str | XComArg | None = ...,
    mask_image: str | Sequence[str] | XComArg | None = ...,
    text: str | XComArg | None = ...,
    negative_text: str | XComArg | None = ...,
    return_mask: bool | str | XComArg | None = ...,
    task_id: str = ...,
    **kwargs: Unpack[GenerationOptions],
) -> Callable[[_TextFunction], DecoratedTask]: ...
@overload
def titan_outpainting(python_callable: _TextFunction, /) -> DecoratedTask: ...
@overload
def titan_outpainting(
    *,
    image: str | Sequence[str] | XComArg = ...,
    text: str | XComArg = ...,
    mask_prompt: str | XComArg | None = ...,
    mask_image: str | Sequence[str] | XComArg | None = ...,
    negative_text: str | XComArg | None = ...,
    outpainting_mode: str | XComArg | None = ...,
    return_mask: bool | str | XComArg | None = ...,
    task_id: str = ...,
    **kwargs: Unpack[GenerationOptions],
) -> Callable[[_TextFunction], DecoratedTask]: ...
@overload
def titan_recolor(python_callable: _TextFunction, /) -> DecoratedTask: ...
@overload
def titan_recolor(
    *,
    image: str | Sequence[str] | XComArg = ...,
    mask_prompt: str | XComArg = ...,
    text: str | XComArg = ...,
    negative_text: str | XComArg | None = ...,
    style: str | XComArg | None = ...,
    number_of_images: int | str | XComArg | None = ...,
    seed: int | str | XComArg | None = ...,
    task_id: str = ...,
    **kwargs: Unpack[ModelOptions],
) -> Callable[[_TextFunction], DecoratedTask]: ...
@overload
def titan_style_transfer(python_callable: _PictureFunction, /) -> DecoratedTask: ...
@overload
def titan_style_transfer(
    *,
    image: str | Sequence[str] | XComArg = ...,
    style_image: str | Sequence[str] | XComArg = ...,
    text: str | XComArg | None = ...,
    negative_text: str | XComArg | None = ...,
    composition_fidelity: float | str | XComArg | None = ...,
    style_strength: float | str | XComArg | None = ...,
    change_strength: float | str | XComArg | None = ...,
    number_of_images: int | str | XComArg | None = ...,
    seed: int | str | XComArg | None = ...,
    task_id: str = ...,
    **kwargs: Unpack[ModelOptions],
) -> Callable[[_PictureFunction], DecoratedTask]: ...
@overload
def titan_text_to_image(python_callable: _TextFunction, /) -> DecoratedTask: ...
@overload
def titan_text_to_image(
    *,
    text: str | XComArg = ...,
    negative_text: str | XComArg | None = ...,
    condition_image: str | Sequence[str] | XComArg | None = ...,
    control_mode: str | XComArg | None = ...,
    control_strength: float | str | XComArg | None = ...,
    style: str | XComArg | None = ...,
    task_id: str = ...,
    **kwargs: Unpack[GenerationOptions],
) -> Callable[[_TextFunction], DecoratedTask]: ...
@overload
def titan_upscale(python_callable: _PictureFunction, /) -> DecoratedTask: ...
@overload
def titan_upscale(
    *,
    image: str | Sequence[str] | XComArg = ...,
    mode: str | XComArg | None = ...,
    text: str | XComArg | None = ...,
    negative_text: str | XComArg | None = ...,
    creativity: float | str | XComArg | None = ...,
    style: str | XComArg | None = ...,
    output_format: str | XComArg | None = ...,
    number_of_images: int | str | XComArg | None = ...,
    seed: int | str | XComArg | None = ...,
    task_id: str = ...,
    **kwargs: Unpack[ModelOptions],
) -> Callable[[_PictureFunction], DecoratedTask]: ...
