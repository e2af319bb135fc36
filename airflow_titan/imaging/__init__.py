"""Pixels and files: what the bytes of an image say, whether they are whole, and how they are made to fit a model."""
