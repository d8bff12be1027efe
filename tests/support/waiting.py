"""Waiting for states, never for time."""

import threading
import time

DEFAULT_TIMEOUT = 30.0


def wait_for(condition, what, timeout=DEFAULT_TIMEOUT, interval=0.02):
    """Calls `condition` until it gives something true, and gives that. An AssertionError or OSError
    that it raises means "not yet". Fails with `what` and the last thing seen after `timeout` s."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            value = condition()
            if value:
                return value
            last = repr(value)
        except (AssertionError, OSError) as error:
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; last: {last}")
        time.sleep(interval)


def blocked_in_fuse(pid):
    """Whether the first thread of process `pid` waits for an answer of a FUSE daemon: to a request of
    its own, or (reading) for a page that the kernel has asked for."""
    try:
        with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
            place = file.read()
    except ProcessLookupError:
        return False
    return any(part in place for part in ("request_wait", "fuse", "folio_wait", "folio_lock"))


class Meanwhile:
    """Calls `action` again and again while the block runs."""

    def __init__(self, action, pause):
        self._action, self._pause = action, pause
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.times = 0

    def _run(self):
        while not self._end.wait(self._pause):
            self._action()
            self.times += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._end.set()
        self._thread.join()
