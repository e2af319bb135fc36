# Airflow with this provider and its emulator, for docker-compose.yaml. All services run this one image.
ARG AIRFLOW_VERSION=3.3.2
FROM apache/airflow:${AIRFLOW_VERSION}
ARG AIRFLOW_VERSION
COPY --chown=airflow:0 pyproject.toml README.md LICENSE NOTICE /opt/airflow-titan/
COPY --chown=airflow:0 airflow_titan /opt/airflow-titan/airflow_titan
# The image's own constraints keep what is in it as it was tested together, and naming Airflow keeps pip from moving it.
# They also pin what Airflow's own tests use and the image doesn't have: the emulator says itself which moto it needs.
RUN sed '/^moto==/d' "${HOME}/constraints.txt" > /tmp/constraints.txt \
    && pip install --no-cache-dir --constraint /tmp/constraints.txt \
        "apache-airflow==${AIRFLOW_VERSION}" "/opt/airflow-titan[emulator]" \
    && pip check \
    && rm /tmp/constraints.txt
