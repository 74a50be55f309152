"""A Django project on HyperDB: python compat-tests/sql/django_admin.py [--python PYTHON]

Purpose: what everybody does first. `migrate` of the standard apps and one of its own through two migrations that `makemigrations`
makes, then the admin's pages through Django's test client: log in, list, search, add, change, delete; `inspectdb`, `dumpdata`,
and `migrate` back.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from suites import Peer, arguments, environment, fresh, hyperdb_server, postgresql, scratch

PINS = ("Django==5.2.19", "psycopg[binary]==3.3.9")
SETTINGS = """
import os
SECRET_KEY, DEBUG, ROOT_URLCONF, ALLOWED_HOSTS = "k", True, "site_urls", ["testserver"]
INSTALLED_APPS = ["django.contrib." + app for app in "admin auth contenttypes sessions messages sites".split()] + ["shop"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
              "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {"context_processors": [
    "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
                         "USER": os.environ["PGUSER"], "NAME": os.environ["PGDATABASE"]}}
USE_TZ, SITE_ID, DEFAULT_AUTO_FIELD = True, 1, "django.db.models.BigAutoField"
"""
URLS = "from django.contrib import admin\nfrom django.urls import path\nurlpatterns = [path('admin/', admin.site.urls)]\n"
FIRST = """
from django.db import models
class Owner(models.Model):
    name = models.CharField(max_length=40, unique=True)
    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(name=""), name="has_name")]
    def __str__(self): return self.name
class Thing(models.Model):
    owner = models.ForeignKey(Owner, models.CASCADE)
    price = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    made = models.DateTimeField(auto_now_add=True)
    data = models.JSONField(default=dict, blank=True)
    labels = models.ManyToManyField("Label", blank=True)
class Label(models.Model):
    key = models.UUIDField(primary_key=True)
    text = models.TextField(blank=True)
"""
SECOND = FIRST.replace(
    "made = models", "count = models.IntegerField(null=True, blank=True, db_index=True)\n    made = models"
).replace("text = models.TextField(blank=True)", 'words = models.CharField(max_length=200, default="-")')
ADMIN = """
from django.contrib import admin
from .models import Label, Owner, Thing
@admin.register(Thing)
class ThingAdmin(admin.ModelAdmin):
    list_display, list_filter, search_fields = ("id", "owner", "price", "made"), ("owner",), ("owner__name",)
    date_hierarchy = "made"
admin.site.register([Owner, Label])
"""
STEPS = """
import django, json, re
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from shop.models import Label, Owner, Thing
User.objects.create_superuser("root", "r@example.org", "secret")
client = Client()
def page(method, path, *data):
    answer = getattr(client, method)("/admin/" + path, *data, follow=True)
    assert answer.status_code == 200, (path, answer.status_code)
    text = answer.content.decode()
    wrong = re.findall(r'errorlist[^>]*>(.*?)</ul>', text, re.S)
    assert not wrong, (path, wrong)
    print(method, path, re.sub(r"[^ ]*csrf[^>]*>", "", re.findall(r"<title>(.*?)</title>", text, re.S)[0].strip()))
    return text
page("post", "login/?next=/admin/", {"username": "root", "password": "secret", "next": "/admin/"})
page("get", "")
for name in ("ada", "bob", "eve"):
    page("post", "shop/owner/add/", {"name": name})
key = "00000000-0000-0000-0000-000000000007"
page("post", "shop/label/add/", {"key": key, "words": "good"})
for number, owner in enumerate(Owner.objects.order_by("name"), 1):
    page("post", "shop/thing/add/", {"owner": owner.pk, "price": f"{number}.50", "data": json.dumps({"n": number}),
                                     "count": number, "labels": [key] if number == 1 else []})
assert "3 things" in page("get", "shop/thing/")
assert "1 result" in page("get", "shop/thing/?q=bo")
page("get", f"shop/thing/?owner__id__exact={Owner.objects.get(name='eve').pk}")
first = Thing.objects.order_by("pk")[0]
page("get", f"shop/thing/{first.pk}/change/")
changed = {"owner": first.owner_id, "price": "9.99", "data": "{}", "count": "", "labels": []}
page("post", f"shop/thing/{first.pk}/change/", changed)
first.refresh_from_db()
print(first.price, first.count, first.data, first.labels.count())
page("get", f"shop/thing/{first.pk}/history/")
page("post", "shop/thing/", {"action": "delete_selected", "_selected_action": [first.pk], "post": "yes"})
page("post", f"shop/owner/{Owner.objects.get(name='bob').pk}/delete/", {"post": "yes"})
page("get", "auth/user/")
print(list(Thing.objects.values_list("owner__name", "price", "data__n")), Owner.objects.count())
print(Label.objects.filter(words="good").count())
"""


def told(python: Path, folder: Path, peer: Peer, *words: str, text: str | None = None) -> str:
    """What a command prints; it ends the run where it fails."""
    known = {**peer.environment, "DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([python, *words], cwd=folder, env=known, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{peer.name}: {' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def project(python: Path, home: Path, peer: Peer) -> list[str]:
    """Everything that the two servers must agree on."""
    folder = fresh(home / peer.name)
    (folder / "shop").mkdir()
    for name, text in (
        ("site_settings", SETTINGS),
        ("site_urls", URLS),
        ("shop/__init__", ""),
        ("shop/admin", ADMIN),
        ("steps", STEPS),
    ):
        (folder / f"{name}.py").write_text(text)
    django = ("-m", "django")
    for models in (FIRST, SECOND):
        (folder / "shop/models.py").write_text(models)
        told(python, folder, peer, *django, "makemigrations", "shop", "-n", "change", "--noinput")
        told(python, folder, peer, *django, "migrate")
    found = [told(python, folder, peer, "steps.py"), told(python, folder, peer, *django, "inspectdb")]
    found.append(told(python, folder, peer, *django, "dumpdata", "shop.owner", "shop.label", "auth.permission", "--indent", "1"))
    told(python, folder, peer, *django, "check", "--database", "default")
    told(python, folder, peer, *django, "migrate", "shop", "0001")
    found.append(told(python, folder, peer, *django, "inspectdb", "shop_thing", "shop_label"))
    told(python, folder, peer, *django, "flush", "--noinput")
    told(python, folder, peer, *django, "migrate", "shop", "zero")
    return found


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("admin", chosen.home) as home:
        python = chosen.python or environment(home, *PINS)
        with hyperdb_server() as peer:
            ours = project(python, home, peer)
        with postgresql() as peer:
            theirs = project(python, home, peer)
    bad = 0
    for mine, wanted in zip("".join(ours).splitlines(), "".join(theirs).splitlines(), strict=False):
        if mine != wanted:
            bad += 1
            print(f"HyperDB:    {mine}\nPostgreSQL: {wanted}")
    print(f"Django's admin and commands: {len(''.join(ours).splitlines())} lines, {bad} differ from PostgreSQL's")
    sys.exit(1 if bad or len("".join(ours)) != len("".join(theirs)) else 0)


if __name__ == "__main__":
    main()
