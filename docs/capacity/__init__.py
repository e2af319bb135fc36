"""
What a number of pictures takes: workers, quota, money, requests to S3, time, and what fails on the way.

A program for whoever plans: ``PYTHONPATH=docs python -m capacity --pictures 1000000 --requests-per-minute 240``. The
page docs/howto/million.md is made by it, too. It computes from what was measured; what is assumed is said to be.

- ``measured``: the figures: docs/performance.md, what tests count, and AWS's own, each with where it comes from
- ``plan``: what bounds the pace, which bound is the first, and what follows for time, money and failures
- ``prefixes``: how the keys of our layout fall on S3's partitions
- ``page``: the tables of the page
"""
