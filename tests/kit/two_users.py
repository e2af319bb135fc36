"""An auth manager of Airflow that keeps one DAG from one user, as real ones can and Airflow's simple one can't."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

#: The user who may see every DAG but ``HIDDEN``.
GUEST = "guest"
HIDDEN = "example_titan_chain"


class TwoUsers(SimpleAuthManager):
    """Airflow's simple one, but for one user and one DAG."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **others: Any) -> bool:
        """Say no to the guest who asks for the hidden DAG."""
        if user.username == GUEST and details is not None and details.id == HIDDEN:
            return False
        return super().is_authorized_dag(user=user, details=details, **others)
