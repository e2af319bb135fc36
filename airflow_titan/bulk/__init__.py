"""
Many requests in one task: requests in, result rows out, and what keeps rate, money and memory within bounds.

A request goes through these modules from top to bottom:

- :mod:`settings` reads the operator's parameters;
- :mod:`job` puts together what all requests share, and sees to it that their rows are published;
- :mod:`requests`, :mod:`line` and :mod:`jsonl` read the requests, one line at a time;
- :mod:`runner` decides which are checked and begun and how the run ends, :mod:`checks` looks at them, :mod:`workers`
  are its threads, :mod:`turns` says which is next, where shards take from each other by :mod:`chunks` and
  :mod:`chunk_claims`; :mod:`failures` counts what fails, :mod:`outcome` makes one request's result or error a row;
- :mod:`clients` and :mod:`quotas` have what each region and connection needs of its own: a client and a rate;
- :mod:`rate_limiter` (token bucket), :mod:`adaptive_rate` (additive increase, multiplicative decrease),
  :mod:`budget` and :mod:`memory` are what the calls share; :mod:`log` and :mod:`progress` tell of them;
- :mod:`rate_group` shares a rate with other tasks, each of them a :mod:`rate_member`, by a :mod:`rate_record` that lies
  in S3 or, by :mod:`redis_store`, in Redis;
- :mod:`rows` and :mod:`results` keep the rows, :mod:`manifest` publishes them with a record,
  and :mod:`lineage` says what was read and written.

May enter ``lineage``, ``generation`` and all below them; knows neither operators nor Airflow.
"""
