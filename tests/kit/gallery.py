"""An Airflow with two DAGs that made pictures, and its API server, in this process."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from some_dags import DAGS_OF_USERS, SomeDagsAuthManager

from airflow_titan.operators import (
    TitanBulkOperator,
    TitanInpaintingOperator,
    TitanMergeResultsOperator,
    TitanPrepareImageOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "titan-images"
CONNECTION = "gallery_aws"
#: What a page must show as text.
HOSTILE = "<script>alert('x')</script> <img src=x onerror=alert(1)> & a harbor"
SMALL = {"width": 320, "height": 704}
#: Who sees one of the DAGs, who sees the other, and who sees both.
ANN, BEN, ADMIN = "ann", "ben", "admin"
USERS = {ANN: ["alpha"], BEN: ["beta"]}
ROWS = 6


def connection(url: str) -> str:
    """Give a connection to the emulator, as a variable of the environment has it."""
    extra = {"endpoint_url": url, "region_name": "us-east-1"}
    return json.dumps({"conn_type": "aws", "login": "testing", "password": "testing", "extra": extra})


def settings(url: str) -> dict[str, str]:
    """Give the environment that tasks and the API server share."""
    return {
        f"AIRFLOW_CONN_{CONNECTION.upper()}": connection(url),
        "AIRFLOW__CORE__AUTH_MANAGER": f"some_dags.{SomeDagsAuthManager.__name__}",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin,{ANN}:viewer,{BEN}:viewer",
        DAGS_OF_USERS: json.dumps(USERS),
    }


def make_dag(dag_id: str) -> Any:
    """Make a DAG with tasks of each kind; another one with two of them."""
    from airflow.sdk import DAG

    aws: Any = {"aws_conn_id": CONNECTION}
    with DAG(dag_id, schedule=None) as dag:
        first = TitanTextToImageOperator(task_id="z_first", text=f"{dag_id} {HOSTILE}", seed=7, **SMALL, **aws)
        requests = [
            {"task": "text_to_image", "text": f"{dag_id} row {n}", "id": f"sku-{n}", **SMALL} for n in range(ROWS)
        ]
        requests[3]["width"] = 333
        bulk = TitanBulkOperator(task_id="bulk", requests=requests, max_failures=5, **aws)
        if dag_id == "alpha":
            edit = TitanInpaintingOperator(
                task_id="edit", image=first.output, mask_prompt="boat", text=HOSTILE, return_mask=True, **aws
            )
            own = f"s3://{BUCKET}/own/{{{{ dag.dag_id }}}}"
            TitanPrepareImageOperator(
                task_id="a_last", image=edit.output, width=512, height=512, output_prefix=own, **aws
            )
            mapped = TitanTextToImageOperator.partial(
                task_id="mapped", map_index_template="{{ task.text }}", **SMALL, **aws
            )
            mapped.expand(text=["a tree", "a hill"])
            TitanTextToImageOperator(task_id="blocked", text="a flagged word", **SMALL, **aws)
            TitanMergeResultsOperator(task_id="merge", results=bulk.output, **aws)
    return dag


def write(dag: Any) -> None:
    """Write a DAG to the database, as the DAG processor does."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
    from airflow.utils.session import create_session

    data = DagSerialization.to_dict(dag)
    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))
        session.flush()
        SerializedDAG.bulk_write_to_db("tests", None, [LazyDeserializedDAG(data=data)], session=session)
        SerializedDagModel.write_dag(LazyDeserializedDAG(data=data), "tests", session=session)


@dataclass
class Gallery:
    """
    An Airflow with pictures.

    :param app: its API application
    :param url: the emulator
    :param runs: the runs of each DAG
    """

    app: Any
    url: str
    runs: dict[str, list[str]]

    def token(self, user: str) -> str:
        """Give what a user signs in with."""
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        role = "admin" if user == ADMIN else "viewer"
        token: str = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role=role, teams=[]))
        return token

    def get(self, path: str, user: str | None = ADMIN, *, raising: bool = False, **headers: str) -> Any:
        """Ask for an address as a user; as nobody with ``None``. What breaks an answer off is raised where asked."""
        from fastapi.testclient import TestClient

        client = TestClient(self.app, raise_server_exceptions=raising)
        if user:
            headers["Authorization"] = f"Bearer {self.token(user)}"
        return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def json(self, path: str, user: str = ADMIN) -> Any:
        """Give what is answered, which is JSON."""
        response = self.get(path, user)
        assert response.status_code == 200, response.text
        return response.json()

    def instance(self, dag_id: str, task_id: str, map_index: int = -1) -> str:
        """Give where a task instance is, below ``/titan`` or ``/titan/api``."""
        return f"/dags/{dag_id}/runs/{self.runs[dag_id][0]}/tasks/{task_id}/{map_index}"

    def result(self, dag_id: str, task_id: str, map_index: int = -1) -> Any:
        """Give what a task instance left."""
        (result,) = self.json(f"/titan/api{self.instance(dag_id, task_id, map_index)}")["results"]
        return result

    @property
    def s3(self) -> Any:
        """A client of S3."""
        return boto3.client("s3", "us-east-1", endpoint_url=self.url)

    def stored(self, uri: str) -> Any:
        """Give an object that is JSON."""
        return json.loads(self.s3.get_object(**place(uri))["Body"].read())

    def xcom(self, dag_id: str, task_id: str, key: str = "manifest") -> Any:
        """Give an XCom of the first run."""
        with _session() as session:
            return _plain(self._xcom(session, dag_id, task_id, key).value)

    @contextmanager
    def edited(self, dag_id: str, task_id: str, **changes: Any) -> Iterator[None]:
        """Change the record in XCom, as a user with the right to do that may, and change it back."""
        with self.replaced(dag_id, task_id, {**self.xcom(dag_id, task_id), **changes}):
            yield

    @contextmanager
    def replaced(self, dag_id: str, task_id: str, value: Any) -> Iterator[None]:
        """Put anything else in the place of the record in XCom, and put it back."""
        before = self._write(dag_id, task_id, value)
        try:
            yield
        finally:
            self._write(dag_id, task_id, before)

    def _write(self, dag_id: str, task_id: str, value: Any) -> Any:
        with _session() as session:
            row = self._xcom(session, dag_id, task_id, "manifest")
            before = _plain(row.value)
            row.value = json.dumps(value)
            return before

    def _xcom(self, session: Any, dag_id: str, task_id: str, key: str) -> Any:
        from airflow.models.xcom import XComModel

        own = {"dag_id": dag_id, "run_id": self.runs[dag_id][0], "task_id": task_id, "key": key}
        return session.query(XComModel).filter_by(**own).one()


def place(uri: str) -> dict[str, str]:
    """Give where an object lies, as boto3 is told it."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


def _plain(value: Any) -> Any:
    """Give an XCom's value, which workers write as JSON within JSON, and runs within this process don't."""
    return json.loads(value) if isinstance(value, str) else value


def _session() -> Any:
    from airflow.utils.session import create_session

    return create_session(scoped=False)


def make_gallery(url: str) -> Gallery:
    """Run the DAGs, and make the API server's application with the plugin."""
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb
    from starlette.routing import Mount

    from airflow_titan.plugin import TitanPlugin

    initdb()
    runs = {}
    for dag_id, times in (("alpha", 1), ("beta", 2)):
        dag = make_dag(dag_id)
        write(dag)
        runs[dag_id] = [dag.test().run_id for _ in range(times)]
    app = create_app(apps="core")
    if not any(getattr(route, "path", "") == "/titan" for route in app.routes):
        # where the package isn't installed from here, Airflow finds no entry point of it
        (mounted,) = TitanPlugin.fastapi_apps
        app.router.routes.insert(0, Mount(mounted["url_prefix"], app=mounted["app"]))
    return Gallery(app, url, runs)
