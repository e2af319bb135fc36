"""
Pixels and files: what the bytes of an image say, whether they are complete, and how they are made to fit a model.

May enter ``errors``. It knows no model and no service: what a model takes comes in as ``resize.Bounds``. Pillow is
imported where pixels are looked at, and nothing is imported here, so that the check of a request needs none of it.

- ``header``: what the first bytes say, whatever the format; :class:`~airflow_titan.imaging.header.InvalidImage`
- ``png``, ``jpeg``: the two formats that models take, read without a decoder; ``exif``: how EXIF says that they lie
- ``bounds``, ``pillow``: what a decoder is given, and how it is asked, whatever else its process does
- ``verify``: the proofs that a file is a complete picture, opaque, or a pure mask
- ``image``: an input image of the user's, and what reading it gave
- ``decode``: open pictures of any common kind, and bring their pixels into one of three modes
- ``resize``: bring a picture into a size and a file that a model takes
- ``conversion``: make an input image upright, or a mask pure, where the user asked for it
- ``shapes``, ``mask``, ``canvas``: boxes and polygons in pixels; draw masks; place a picture on a larger canvas
"""
