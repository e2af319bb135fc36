"""AWS clients from Airflow connections."""
