"""
S3 and the other services that a DAG meets, by moto: made safe for many clients at once, and quick for plain objects.

``app`` is the application, ``moto_app`` is moto behind a lock, and ``objects`` answers plain requests past moto, with
the help of ``request``, ``response`` and ``content``. ``encryption``, ``owner`` and ``streaming`` refuse what S3
refuses and moto takes; ``pictures`` finds what can be shown. It may enter ``faults`` and ``http``. Bedrock is next door
and shut.
"""

from .app import S3App
from .pictures import Picture, Pictures, check_bucket_name

__all__ = ["Picture", "Pictures", "S3App", "check_bucket_name"]
