"""
A picture every day.

A scheduled DAG with templated text. Each run has a seed of its own, so that each day has its picture, and a retry of
the same run asks for the same one. The date comes from the run, by an expression that holds in every kind of run:
`{{ ds }}` does not exist in Airflow 3 when a run was triggered without a logical date.
"""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import TitanTextToImageOperator

DAY = "{{ (dag_run.logical_date or dag_run.run_after).strftime('%A, %d %B') }}"

with DAG(
    "example_titan_daily",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2},
    is_paused_upon_creation=True,
    doc_md=__doc__,
    tags=["titan"],
):
    TitanTextToImageOperator(task_id="card", text=f"A postcard for {DAY}, screen print", width=1152, height=640)
