"""
Brand colours, then a cut-out.

The second task makes the background transparent; its output keeps that. Both need Titan v2 or Nova Canvas; on Titan v1
they fail before the call, with an error that names the models that can.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import TitanBackgroundRemovalOperator, TitanColorGuidedOperator

with DAG("example_titan_color_guided", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    branded = TitanColorGuidedOperator(
        task_id="branded",
        text="a coffee cup on a plain background",
        colors=["#1F6FEB", "#F2CC60", "#FFFFFF"],
        width=768,
        height=768,
    )
    TitanBackgroundRemovalOperator(task_id="cut_out", image=branded.output)
