"""Bedrock: InvokeModel for every model of ``models.toml``, and the two calls that describe models.

It may enter ``faults``, ``painting``, ``images`` and ``http``. S3 is next door and shut. Amazon's rules
are restated here from its documents: ``models.toml``, ``schemas/`` and a module a wire format in ``dialects``.
"""
