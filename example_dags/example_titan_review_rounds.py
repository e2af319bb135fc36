"""
Pictures until somebody likes one, in three rounds at most: who turns them down types what to make instead.

Airflow's graphs have no loops, so the rounds stand in it one after the other. A round that is turned down is *skipped*
(``on_reject="skip"``), and pictures are made anew only where all rounds before them were (``all_skipped``). They stand
behind each of those, not only behind the last, which is skipped too where an earlier one chose: once a picture is
chosen, nothing more is paid for. The last round fails where it is turned down.
"""

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_titan.operators import TitanImageVariationOperator, TitanReviewOperator, TitanTextToImageOperator

ROUNDS = 3

with DAG(
    "example_titan_review_rounds",
    schedule=None,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["titan"],
    params={"text": Param("A lighthouse in a storm", type="string", title="Prompt")},
):
    reviews: list[TitanReviewOperator] = []
    for number in range(1, ROUNDS + 1):
        # the newest prompt that somebody typed, or else the first
        before = [f"ti.xcom_pull(task_ids='review_{earlier}', key='text')" for earlier in range(number - 1, 0, -1)]
        pictures = TitanTextToImageOperator(
            task_id=f"pictures_{number}",
            text=f"{{{{ {' or '.join([*before, 'params.text'])} }}}}",
            number_of_images=4,
            width=512,
            height=512,
            trigger_rule="all_skipped" if reviews else "all_success",
        )
        review = TitanReviewOperator(
            task_id=f"review_{number}",
            images=pictures.output,
            maximum=1,
            subject=f"Is one of these it? Round {number} of {ROUNDS}",
            on_reject="skip" if number < ROUNDS else "fail",
        )
        reviews >> pictures
        reviews.append(review)

    @task(trigger_rule="none_failed_min_one_success")
    def chosen(rounds: list[list[str] | None]) -> list[str]:
        """Give what was chosen, whichever round it was."""
        return next(uris for uris in rounds if uris)

    TitanImageVariationOperator(task_id="variation", images=chosen([review.output for review in reviews]))
