"""An auth manager where each user may see some DAGs: Airflow's simple one has roles for all of them at once."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

#: A variable of the environment: a JSON object from user to list of DAG ids. Who isn't named there sees all.
DAGS_OF_USERS = "TITAN_TESTS_DAGS_OF_USERS"


class SomeDagsAuthManager(SimpleAuthManager):
    """Lets users see the DAGs that are theirs."""

    def is_authorized_dag(
        self, *, user: SimpleAuthManagerUser, details: DagDetails | None = None, **asked: Any
    ) -> bool:
        """Return whether a user may do something with a DAG; with all of them only who may see all."""
        own = json.loads(os.environ.get(DAGS_OF_USERS, "{}")).get(user.username)
        if own is not None and (details is None or details.id not in own):
            return False
        return super().is_authorized_dag(user=user, details=details, **asked)
