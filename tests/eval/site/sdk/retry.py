"""Waiting for jobs without asking the API server too often."""

import random
import time


class JobTimeout(Exception):
    """The job was not done in time. It goes on running: deleting it is up to the caller."""


def wait_for_job(client, name, timeout=3600, poll_interval=5.0, max_interval=60.0):
    """Blocks until a job has succeeded or failed, and returns its final status.

    The pause between two requests grows by half each time, up to ``max_interval`` seconds, with a
    jitter of ten percent, so that a hundred waiting notebooks do not ask at the same moment.

    Args:
        client: an authenticated client.
        name: the job's name in the client's namespace.
        timeout: seconds after which JobTimeout is raised; None waits for ever.
        poll_interval: seconds before the second request.
    """
    started, pause = time.monotonic(), poll_interval
    while True:
        status = client.get_job(name).status
        if status in ("Succeeded", "Failed"):
            return status
        if timeout is not None and time.monotonic() - started > timeout:
            raise JobTimeout(name)
        time.sleep(pause * random.uniform(0.9, 1.1))
        pause = min(pause * 1.5, max_interval)


def stream_logs(client, name, follow=True, tail_lines=None):
    """Yields the log lines of the job's first node.

    Other nodes are chosen by ``client.get_job_logs(name, step="node-1")``. Lines longer than 16 KiB
    are cut by the container runtime and arrive in pieces.
    """
    yield from client.get_job_logs(name, follow=follow, tail_lines=tail_lines)
