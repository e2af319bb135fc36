"""
S3 and the other services that a DAG meets, by moto: made safe for many clients at once, and quick for plain objects.

``app`` is the application, ``moto_app`` is moto behind a lock, and ``objects`` answers plain requests past moto, with
the help of ``request``, ``response`` and ``content``. It may enter ``faults`` and ``http``. Bedrock is next door and
shut.
"""

from .app import S3App

__all__ = ["S3App"]
