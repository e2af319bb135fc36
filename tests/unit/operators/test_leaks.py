"""What must not be in logs, XCom or rendered fields: image bytes, secrets, and prompts above DEBUG."""

from __future__ import annotations

import base64
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from instance import Instance
from pictures import mask, photo

from airflow_titan.operators import (
    TitanImageVariationOperator,
    TitanInpaintingOperator,
    TitanOutpaintingOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "wJalrXUtnFEMIsecretkeythatnobodymaysee00"
PROMPT, NEGATIVE = "a zanzibar lighthouse", "quagmires"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{200,}")


class _Everything(logging.Handler):
    """Keeps each line, formatted, with its level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, self.format(record)))


@pytest.fixture
def everything() -> Iterator[_Everything]:
    """Let every logger of the process speak at DEBUG, and listen."""
    handler, root = _Everything(), logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    before = [(logger, logger.level, logger.propagate, logger.disabled) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.propagate, logger.disabled = True, False
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    for logger, level, propagate, disabled in before:
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled


@pytest.fixture
def ran(
    everything: _Everything, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[_Everything, list[Any], list[Instance], list[bytes]]:
    """Run all four operators, and one request that fails, with a secret that one would recognise."""
    for name, data in (("in.png", photo(320, 320)), ("mask.png", mask(320, 320)), ("bad.png", photo()[:-9])):
        s3.put_object(Bucket=bucket, Key=name, Body=data)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    image, hole, bad = (f"s3://{bucket}/{name}" for name in ("in.png", "mask.png", "bad.png"))
    words = {"text": PROMPT, "negative_text": NEGATIVE}
    operators = [
        TitanTextToImageOperator(task_id="a", width=320, height=704, **words),
        TitanInpaintingOperator(task_id="b", image=image, mask_image=hole, **words),
        TitanOutpaintingOperator(task_id="c", image=image, mask_prompt=PROMPT, **words),
        TitanImageVariationOperator(task_id="d", images=[image], **words),
    ]
    instances = [Instance(task_id=operator.task_id) for operator in operators]
    everything.lines.clear()
    for operator, instance in zip(operators, instances, strict=True):
        instance.xcoms["return_value"] = instance.run(operator)
    with pytest.raises(Exception, match="InvalidRequest") as raised:
        Instance().run(TitanImageVariationOperator(task_id="e", images=bad, text=PROMPT * 30))
    everything.lines.append((logging.ERROR, str(raised.value)))
    made = [
        s3.get_object(Bucket=bucket, Key=uri.split("/", 3)[3])["Body"].read()
        for instance in instances
        for uri in instance.xcoms["return_value"]
    ]
    return everything, operators, instances, [photo(320, 320), mask(320, 320), *made]


def test_nothing_leaks(ran: tuple[_Everything, list[Any], list[Instance], list[bytes]]) -> None:
    """No picture in any form and no secret at any level; no prompt above DEBUG; little above DEBUG at all."""
    listener, operators, instances, pictures = ran
    lines = [line for line in listener.lines if not line[1].startswith(("werkzeug", "airflow_titan.emulator"))]
    whole = "\n".join(text for _, text in lines)
    aloud = "\n".join(text for level, text in lines if level > logging.DEBUG)
    assert "airflow_titan.generation.generate" in aloud
    assert "botocore" in whole
    assert _BASE64.search(whole) is None
    for picture in pictures:
        for piece in (picture[40:70], picture[len(picture) // 2 :][:30]):
            assert repr(piece)[2:-1] not in whole
        assert base64.b64encode(picture)[60:100].decode() not in whole
    assert SECRET not in whole
    assert "zanzibar" not in aloud
    assert NEGATIVE not in aloud
    assert len(aloud) < 20_000
    for instance in instances:
        assert len(json.dumps(instance.xcoms)) < 2_048
    for operator in operators:
        rendered = {name: getattr(operator, name) for name in operator.template_fields}
        assert _BASE64.search(json.dumps(rendered)) is None
