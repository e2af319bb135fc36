"""The only code that talks to AWS: one invocation of a model, and objects in S3. Enters nothing but ``errors``."""
