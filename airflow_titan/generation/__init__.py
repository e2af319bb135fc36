"""
One request from its inputs to a published result: at most so many paid calls, resumable on any retry.

May enter ``models``, ``imaging``, ``aws`` and ``errors``. Its face is ``generate``, which names the rest; nothing is
imported here, so that naming one module doesn't bring boto3 along.

- ``generate``: the straight line of one request, from top to bottom
- ``request``, ``location``: what is wanted of which model, and where the result goes
- ``prepare``, ``inputs``: read the inputs, check, encode
- ``call``: one call: when slot, concurrency, money and memory are held and let go
- ``policy``: what a call is made by: rate limiter, budget, memory, concurrency
- ``regions``, ``lane``, ``lanes``: where a request goes, the ways there, and which of several each call takes
- ``claims``, ``process``: the numbered slots that bound what is paid, and who claims them
- ``journal``: the raw answer of each paid call, kept until the manifest stands
- ``response``: decode an answer and verify its images
- ``publish``, ``manifest``: write the images and the record of the result
- ``published``: find a result again, and see that its images are still there
- ``review``, ``review_settings``: a person's choice among images: how it is asked and read, and on what terms
- ``review_pictures``, ``review_records``: the images where they lie, and what is kept of the choice
- ``alternatives``: which models can stand in for one that has ended
"""
