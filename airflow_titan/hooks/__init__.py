"""
AWS clients from Airflow connections, configured so that nothing is paid twice.

May enter ``errors`` and ``parameters``. Only what runs imports it, never what is parsed: it brings boto3 and the Amazon
provider's hooks, so this file imports nothing.

- :mod:`~airflow_titan.hooks.bedrock`: the clients of Bedrock and S3, from one session.
"""
