"""What is wrong with a file."""

from __future__ import annotations


class InvalidImage(Exception):
    """A file that is not a complete, plain JPEG, PNG or WebP, or breaks a rule for images; the message says which."""
