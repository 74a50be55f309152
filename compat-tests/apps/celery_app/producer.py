"""Sends tasks and asserts their results; a worker runs beside it."""

from celery.exceptions import NotRegistered, TimeoutError
from kombu.utils.uuid import uuid
from tasks import add, app, chord, fail, group, third_time_lucky, total

WAIT = 60.0

assert add.delay(2, 3).get(timeout=WAIT) == 5
results = [add.delay(i, i) for i in range(100)]
assert [result.get(timeout=WAIT) for result in results] == [2 * i for i in range(100)]
assert group(add.s(i, 1) for i in range(20))().get(timeout=WAIT) == [i + 1 for i in range(20)]
assert chord((add.s(i, i) for i in range(20)), total.s())().get(timeout=WAIT) == sum(2 * i for i in range(20))
assert (add.s(1, 2) | add.s(3) | add.s(4))().get(timeout=WAIT) == 10
failed = fail.delay()
told = failed.get(timeout=WAIT, propagate=False)
assert isinstance(told, ValueError) and str(told) == "as it must", told
assert third_time_lucky.delay().get(timeout=WAIT) == 2
assert add.apply_async((1, 1), countdown=1).get(timeout=WAIT) == 2
assert app.control.ping(timeout=5.0), "no worker answers over pub/sub"
lost = app.send_task("tasks.nosuch", task_id=uuid())
try:
    lost.get(timeout=WAIT)
except (NotRegistered, TimeoutError):
    pass
else:
    raise AssertionError("a task that there is not gave a result")
print("ok")
