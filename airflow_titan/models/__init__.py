"""What each model can do, allows and costs, and how it is spoken to. Knows neither Airflow nor AWS."""
