"""The jobs of the RQ test."""

import os

import redis


def add(left: int, right: int) -> int:
    """A plain job."""
    return left + right


def fail() -> None:
    """A job that always fails."""
    raise ValueError("as it must")


def third_time_lucky(key: str) -> int:
    """Fails twice; counts its tries in the same store."""
    tries = int(redis.Redis.from_url(os.environ["QUEUE_URL"]).incr(key))
    if tries < 3:
        raise RuntimeError(f"try {tries}")
    return tries


def shout(text: str) -> str:
    """Uses a larger value."""
    return text.upper() * 1000
