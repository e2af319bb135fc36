"""
The only code that sends requests for tasks to AWS: one invocation of a model, and objects in S3.

May enter ``errors``. boto3 and botocore are imported here, in ``hooks``, and by the command line to ask Bedrock of its
models; nowhere else. Nothing is imported in this file, because boto3 is heavy and whoever names a URI doesn't need it.

- ``bedrock``: one request, sent once (:func:`~airflow_titan.aws.bedrock.invoke`)
- ``s3``: objects: read, write, and write only if there is none (:class:`~airflow_titan.aws.s3.ObjectStore`)
- ``conditional``: writes that happen only if an object isn't there or hasn't changed
- ``credentials``: what goes wrong before a request can be signed
- ``failures``: what botocore raises, sorted by what it means
- ``endpoint``: whether it is AWS that a client asks
- ``encryption``: which pairs of encryption and key S3 takes
- ``unsupported``: what stores that are not AWS's have no counterpart for
- ``uri``: ``s3://bucket/key`` taken apart, and the other forms of it
- ``body``: a file on its way to a server, in few large pieces
"""
