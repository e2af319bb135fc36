"""
The model data held against what others say: the yearly check.

- :mod:`comparison` notes what was compared and where the two differ, as rows, a table or JSON;
- :mod:`service_model` reads botocore's service models;
- :mod:`price_list` reads LiteLLM's list of prices;
- :mod:`foundation_models` reads answers of Bedrock's ListFoundationModels;
- :mod:`files` reads those lists from files.

Nothing is downloaded, and nobody is asked: the lists are files that somebody fetched.
"""
