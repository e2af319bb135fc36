"""
The command line, ``airflow-titan``: a local S3 and Bedrock, what is known of each model, whether tasks can work.

- :mod:`parser` says which commands and options there are, and reads them;
- :mod:`commands` runs them;
- :mod:`live` asks Bedrock where it says otherwise than the model data;
- :mod:`data_check` holds the data against lists that somebody fetched.

The one package that may enter the emulator. It imports what a command needs once that command runs.
"""

from airflow_titan.cli.parser import main

__all__ = ["main"]
