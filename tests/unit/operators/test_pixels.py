"""An edit changes what the mask says and not a pixel more, whichever way round the model reads masks."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from instance import Instance
from pictures import photo, saved
from PIL import Image, ImageDraw

from airflow_titan.operators import TitanInpaintingOperator, TitanOutpaintingOperator

SIZE = (448, 384)
HERE = {
    "us-east-1": ["amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"]
}
HERE["us-west-2"] = [
    "stability.stable-image-core-v1:1",
    "stability.sd3-5-large-v1:0",
    "stability.stable-image-ultra-v1:1",
    "us.stability.stable-image-inpaint-v1:0",
]
MODELS = [(model_id, region) for region, found in HERE.items() for model_id in found]


def drawing() -> Image.Image:
    """Draw a mask: a black oval, off the middle, on white."""
    mask = Image.new("L", SIZE, 255)
    ImageDraw.Draw(mask).ellipse((40, 60, 260, 300), fill=0)
    return mask


BLACK = np.asarray(drawing()) == 0


@pytest.fixture(params=["1", "L", "P", "RGB"])
def inputs(request: pytest.FixtureRequest, s3: Any, bucket: str) -> dict[str, str]:
    """Put a picture and a mask, in each of the modes that a mask's file may have, where an operator can read them."""
    for name, data in (("in.png", photo(*SIZE)), ("mask.png", saved(drawing().convert(request.param)))):
        s3.put_object(Bucket=bucket, Key=name, Body=data)
    return {"image": f"s3://{bucket}/in.png", "mask_image": f"s3://{bucket}/mask.png"}


def changed(s3: Any, uri: str) -> Any:
    """Tell of each pixel whether it differs from the input's."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    after = Image.open(BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())).convert("RGB")
    before = Image.open(BytesIO(photo(*SIZE))).convert("RGB")
    assert after.size == SIZE
    return (np.asarray(before) != np.asarray(after)).any(axis=2)


@pytest.mark.parametrize(("model_id", "region"), MODELS)
@pytest.mark.parametrize("text", ["a red boat", None])
def test_inpainting_changes_only_what_is_black(
    model_id: str, region: str, text: str | None, inputs: dict[str, str], s3: Any
) -> None:
    """All outside the mask stays as it is; nearly all inside it is new."""
    operator = TitanInpaintingOperator(
        task_id="t", text=text, model_id=model_id, region_name=region, seed=7, number_of_images=2, **inputs
    )
    for uri in Instance().run(operator):
        new = changed(s3, uri)
        assert not new[~BLACK].any()
        assert new[BLACK].mean() > 0.9


@pytest.mark.parametrize(("model_id", "region"), MODELS)
def test_precise_outpainting_changes_only_what_is_white(
    model_id: str, region: str, inputs: dict[str, str], s3: Any
) -> None:
    """The other way round."""
    operator = TitanOutpaintingOperator(
        task_id="t", text="a storm", outpainting_mode="PRECISE", model_id=model_id, region_name=region, seed=7, **inputs
    )
    (uri,) = Instance().run(operator)
    new = changed(s3, uri)
    assert not new[BLACK].any()
    assert new[~BLACK].mean() > 0.9
