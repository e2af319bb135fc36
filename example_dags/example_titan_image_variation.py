"""
Pictures that resemble others.

A variation takes one to five pictures. `similarity_strength` says how close to stay: 0.2 is free, 1.0 is as close as
it gets. The second task blends all the pictures of two upstream tasks.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import TitanImageVariationOperator, TitanTextToImageOperator

with DAG("example_titan_image_variation", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    teapot = TitanTextToImageOperator(task_id="teapot", text="A round teapot, studio light", width=768, height=768)
    garden = TitanTextToImageOperator(task_id="garden", text="A Japanese garden in spring", width=768, height=768)
    TitanImageVariationOperator(task_id="teapots", images=teapot.output, similarity_strength=0.8, number_of_images=3)
    TitanImageVariationOperator(
        task_id="blend", images=[teapot.output, garden.output], text="A teapot in a garden", similarity_strength=0.4
    )
