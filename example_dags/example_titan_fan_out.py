"""
Many prompts, many pictures.

Dynamic task mapping makes one task instance of every prompt, and each of them two pictures. A mapped task's output is
a list of lists, so `flatten` lays it out: then every single picture gets a task instance of its own. In the UI the
instances carry their prompts as names.
"""

from airflow.providers.common.compat.sdk import DAG, task

from airflow_titan.operators import TitanImageVariationOperator, TitanTextToImageOperator

PROMPTS = [
    "A red bicycle against a brick wall",
    "A sailing boat in the morning fog",
    "A bowl of lemons on a blue cloth",
]


@task
def flatten(results: list[list[str]]) -> list[str]:
    """Make one list of pictures out of one list for each prompt."""
    return [uri for result in results for uri in result]


with DAG("example_titan_fan_out", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    pictures = TitanTextToImageOperator.partial(
        task_id="pictures", number_of_images=2, width=512, height=512, map_index_template="{{ task.text }}"
    ).expand(text=PROMPTS)
    TitanImageVariationOperator.partial(task_id="variations", similarity_strength=0.8).expand(
        images=flatten(pictures.output)
    )
