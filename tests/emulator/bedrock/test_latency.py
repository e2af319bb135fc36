"""The model's time: spent side by side, and by nobody who is refused."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

from client import Titan, client, text_image, variation

from airflow_titan.emulator import running


def test_the_models_time_is_spent_side_by_side() -> None:
    """Calls wait at once, and S3 and the emulator's own routes answer meanwhile."""
    with running(latency=1) as slow, ThreadPoolExecutor(3) as pool:
        body = variation()
        waiting = [pool.submit(Titan(slow.url).image, body) for _ in range(3)]
        answered = []
        with closing(http.client.HTTPConnection(urlsplit(slow.url).netloc, timeout=10)) as connection:
            connection.connect()
            connection.auto_open = 0  # closed, it fails instead of opening another one
            while not slow.calls:
                before = time.time()
                client("s3", slow.url).list_buckets()
                connection.request("GET", "/_titan/health")
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (200, b'{"status": "ok"}')
                answered.append((before, time.time()))
        assert all(future.result() for future in waiting)
        calls = list(slow.calls)
    assert all(call.ended - call.started >= 1 for call in calls)
    ended = [call.ended for call in calls]
    assert max(ended) - min(ended) < 1  # one after the other they would end at least the model's time apart
    begun, done = max(call.started for call in calls), min(call.ended for call in calls)
    assert any(begun < before and after < done for before, after in answered)


def test_a_refused_call_does_not_take_the_models_time() -> None:
    """The model never sees it; the time is asked for is much longer than a test may take."""
    with running(latency=600) as slow:
        Titan(slow.url).refusal(text_image("x" * 513))
        Titan(slow.url).refusal(text_image("flagged"))
        assert len(slow.calls) == 2
