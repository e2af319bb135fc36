"""Trouble on request: what the kinds of faults are, which ones are active, and what a request meets of them.

It may enter ``http``, ``images`` and the content filter's words. The services ask it at the points where a fault can
strike; it knows neither of them.
"""
