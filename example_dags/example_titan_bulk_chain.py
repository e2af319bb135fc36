"""
A bulk task that goes on from another's pictures.

The second takes the first one's result file for its requests: `images_as` says which parameter each row's picture
becomes, `defaults` says the rest. Rows without a picture are passed over, and said to be. The ids stay, so that the two
result files can be laid side by side.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import TitanBulkOperator

ROOMS = ["kitchen", "study", "bedroom", "garden shed"]

with DAG("example_titan_bulk_chain", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    rooms = TitanBulkOperator(
        task_id="rooms",
        requests=[{"id": room, "text": f"A small {room} with a window"} for room in ROOMS],
        defaults={"task": "text_to_image", "width": 512, "height": 512},
    )
    TitanBulkOperator(
        task_id="by_night",
        requests=rooms.output,
        images_as="image",
        defaults={"task": "inpainting", "mask_prompt": "window", "text": "a starry night"},
    )
