"""S3 and the other services that a DAG meets, by moto: made safe for many clients at once, and quick for plain objects.

It may enter ``faults`` and ``http``. Bedrock is next door and shut.
"""
