"""
Before the first task: whether a deployment can do the work, and what it must be allowed; nothing here is ever paid.

- :mod:`report` is what comes out: rows of right, wrong, unknown and skipped, and the table of them;
- :mod:`deployment` is what is looked at: connections, region, models and output root, with the clients to ask;
- :mod:`settings`, :mod:`access`, :mod:`bucket` and :mod:`model_access` have the checks, one function each;
- :mod:`preflight` runs them in their order;
- :mod:`policy` writes the least IAM policy that tasks need.

May enter all but ``bulk`` and ``operators``. Entered by the command line, and by ``hooks`` for Airflow's button "Test".
"""
