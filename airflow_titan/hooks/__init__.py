"""
Clients from Airflow connections: those of AWS, configured so that nothing is paid twice.

May enter ``errors``, ``parameters`` and ``aws``. Only what runs imports it, never what is parsed: it brings boto3 and
the Amazon provider's hooks, so this file imports nothing.

- :mod:`~airflow_titan.hooks.bedrock`: the clients of Bedrock and S3, from one session
- :mod:`~airflow_titan.hooks.connection`: a connection, and what goes wrong on the way to a signed request
- :mod:`~airflow_titan.hooks.region`: what can be a region
- :mod:`~airflow_titan.hooks.botocore_config`: the arguments of ``Config``, as tasks and connections give them
- :mod:`~airflow_titan.hooks.redis`: a client of Redis or Valkey, for the record of a rate group
"""
