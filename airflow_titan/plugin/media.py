"""Pictures and thumbnails, as bytes."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
