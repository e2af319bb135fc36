"""
Links from a task to what it made: buttons of Airflow's UI on every task instance of this package.

May enter all other packages but ``cli``, ``plugin``, ``decorators`` and ``operators``, and none but ``routes`` while it
is imported: operators name these classes wherever a DAG file is parsed. Each module holds the class that its name says,
which is how Airflow is told of them (``get_provider_info``).

Airflow 3 makes the links in the worker as soon as the task has ended, and keeps them in XCom for good; Airflow 2 makes
them in its web server when somebody looks. So each names a page that stays, and never a presigned URL.
"""

from __future__ import annotations

from airflow_titan.links.bedrock_model import TitanBedrockModelLink
from airflow_titan.links.images import TitanImagesLink
from airflow_titan.links.s3_prefix import TitanS3PrefixLink

#: What every operator of this package shows, in this order.
EXTRA_LINKS = (TitanImagesLink(), TitanS3PrefixLink(), TitanBedrockModelLink())

__all__ = ["EXTRA_LINKS", "TitanBedrockModelLink", "TitanImagesLink", "TitanS3PrefixLink"]
