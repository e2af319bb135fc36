"""
What a task read and wrote, told to those who ask: Airflow's assets, OpenLineage, and other readers of lineage.

May enter ``generation``, ``config`` and what lies below them. It reads nothing from S3: it tells what an operator knows
when its work is done, and it never fails a task.

- :mod:`~airflow_titan.lineage.record`: the values: objects, figures, and a task's lineage made of them.
- :mod:`~airflow_titan.lineage.asset_events`: events of the assets and aliases that are a task's ``outlets``.
- :mod:`~airflow_titan.lineage.operator_lineage`: datasets and facets for OpenLineage;
  :mod:`~airflow_titan.lineage.facets`, their types, is imported only where OpenLineage is installed.
- :mod:`~airflow_titan.lineage.hook_lineage`: the same objects for other readers of Airflow's hook lineage.
"""
