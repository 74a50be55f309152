"""A small site: sessions and pages in the cache, served by as many processes as are started.

Run: `python site.py PORT`, with `SITE_CACHE` (Redis's URL) and `SITE_BACKEND` (the cache's class).
"""

from __future__ import annotations

import os
import sys
import uuid

import django
from django.conf import settings
from django.core.cache import cache
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import cache_page

settings.configure(
    SECRET_KEY="site",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    SESSION_COOKIE_AGE=600,
    CACHES={"default": {"BACKEND": os.environ["SITE_BACKEND"], "LOCATION": os.environ["SITE_CACHE"], "KEY_PREFIX": "site"}},
)
django.setup()


def login(request: HttpRequest, user: str) -> JsonResponse:
    request.session["user"] = user
    request.session["visits"] = 0
    request.session.cycle_key()
    return JsonResponse({"user": user})


def visit(request: HttpRequest) -> JsonResponse:
    if "user" not in request.session:
        return JsonResponse({"user": None})
    request.session["visits"] += 1
    hits = cache.incr("hits") if not cache.add("hits", 1, timeout=None) else 1
    return JsonResponse({"user": request.session["user"], "visits": request.session["visits"], "hits": hits})


def brief(request: HttpRequest, seconds: int) -> JsonResponse:
    request.session.set_expiry(seconds)
    return JsonResponse({"expires": request.session.get_expiry_age()})


def logout(request: HttpRequest) -> JsonResponse:
    request.session.flush()
    return JsonResponse({})


@cache_page(60)
def page(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"made": uuid.uuid4().hex})


def counted(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"hits": cache.get("hits"), "pid": os.getpid()})


urlpatterns = [
    path("login/<str:user>", login),
    path("visit", visit),
    path("brief/<int:seconds>", brief),
    path("logout", logout),
    path("page", page),
    path("counted", counted),
]


class Quiet(WSGIRequestHandler):
    """A handler that logs nothing."""

    def log_message(self, *_: object) -> None:
        return


if __name__ == "__main__":
    server = ThreadedWSGIServer(("127.0.0.1", int(sys.argv[1])), Quiet)
    server.set_app(get_wsgi_application())
    server.serve_forever()
