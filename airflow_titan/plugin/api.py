"""What the page asks for, as JSON."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from airflow_titan.plugin import metadata

router = APIRouter()
_may_see_dag = [Depends(metadata.may_see_dag)]


@router.get("/overview")
def overview(user: metadata.Viewer) -> dict[str, Any]:
    return {"results": [], "next": None, "costs": [], "models": [], "days": 30, "truncated": False}


@router.get("/dags/{dag_id}", dependencies=_may_see_dag)
def dag(dag_id: str) -> dict[str, Any]:
    return {"results": [], "next": None}
