# Airflow with this provider and its emulator, for docker-compose.yaml. All services run this one image.
ARG AIRFLOW_VERSION=3.3.2
FROM apache/airflow:${AIRFLOW_VERSION}
ARG AIRFLOW_VERSION
COPY --chown=airflow:0 pyproject.toml README.md LICENSE NOTICE /opt/airflow-titan/
COPY --chown=airflow:0 airflow_titan /opt/airflow-titan/airflow_titan
# naming Airflow's version keeps pip from moving it; the image's own pins hold for the rest
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" "/opt/airflow-titan[emulator]"
