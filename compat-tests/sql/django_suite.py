"""Django's own tests, on HyperDB and on PostgreSQL: python compat-tests/sql/django_suite.py [--source FOLDER] [APP ...]

Purpose: what a framework that has spoken to PostgreSQL for twenty years asks of it: queries, aggregates, expressions, schemas,
migrations, reflection. The tests come with Django's source distribution. They run in the server's one database (`--keepdb`), as
CREATE DATABASE is PostgreSQL's alone; a second server is Django's second database.
"""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from suites import Peer, arguments, beside, environment, fresh, hyperdb_server, postgresql, release, scratch

VERSION = "5.2.19"
PINS = (f"Django=={VERSION}", "psycopg[binary]==3.3.9", "setuptools==80.9.0", "wheel==0.45.1", "tblib==3.1.0", "PyYAML==6.0.3")
PIECES = [
    piece.split()
    for piece in """
queries aggregation aggregation_regress annotations expressions expressions_case expressions_window

transactions transaction_hooks select_for_update delete update get_or_create bulk_create lookup ordering many_to_many
many_to_one prefetch_related select_related basic datatypes datetimes custom_pk composite_pk raw_query
force_insert_update nested_foreign_keys null_queries distinct_on_fields db_utils

db_functions timezones fixtures backends introspection indexes

schema constraints inspectdb

model_fields model_forms model_formsets model_formsets_regress model_indexes model_inheritance model_inheritance_regress

custom_columns custom_lookups custom_managers custom_methods dates defer defer_regress delete_regress empty empty_models
extra_regress field_defaults filtered_relation foreign_object from_db_value generic_relations generic_relations_regress
get_earliest_or_latest get_object_or_404 known_related_objects m2m_and_m2o m2m_intermediary m2m_multiple m2m_recursive
m2m_regress m2m_signals m2m_through m2m_through_regress m2o_recursive managers_regress many_to_one_null max_lengths

model_options model_package model_regress multiple_database mutually_referential null_fk null_fk_ordering one_to_one
or_lookups order_with_respect_to pagination properties proxy_model_inheritance proxy_models queryset_pickle
reserved_names reverse_lookup save_delete_hooks select_related_onetoone select_related_regress serializers signals str
string_lookup swappable_models unmanaged_models update_only_fields validation xor_lookups fixtures_model_package
fixtures_regress sites_framework

migrations migrate_signals migration_test_data_persistence

admin_changelist admin_custom_urls admin_docs admin_filters admin_inlines admin_ordering admin_utils admin_views
admin_widgets modeladmin generic_inline_admin inline_formsets

auth_tests contenttypes_tests sessions_tests sites_tests flatpages_tests redirects_tests sitemaps_tests
syndication_tests cache async
""".split("\n\n")
]
"""Its apps that use a database, a run each; not postgres_tests (extensions) and gis_tests (PostGIS)."""
SETTINGS = """
def server(url):
    host, port = url.split("@")[1].split("/")[0].split(":")
    name = url.rsplit("/", 1)[1]
    return {{"ENGINE": "django.db.backends.postgresql", "USER": "postgres", "HOST": host, "PORT": port, "NAME": name,
            "TEST": {{"NAME": name}}}}
DATABASES = {{"default": server({first!r}), "other": server({second!r})}}
SECRET_KEY = "tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
"""
PREPARE = "CREATE EXTENSION pgcrypto"
# What a backend for HyperDB would say of it: a test that needs one of these is skipped, and counts as not passed.
LACKS = """
from django.db.backends.postgresql.features import DatabaseFeatures
DatabaseFeatures.test_collations = dict.fromkeys(DatabaseFeatures.test_collations)
DatabaseFeatures.supports_deferrable_unique_constraints = False
# A migration of db_functions asks for pgcrypto, for one function of it; the others do without.
from django.contrib.postgres.operations import CryptoExtension
CryptoExtension.database_forwards = lambda *words: None
"""
_ENDED = re.compile(r"^(\S+ \(\S+\)).*\.\.\. (ok|FAIL|ERROR|expected failure|unexpected success)$")
_WHOLE = re.compile(r"^Ran \d+ tests? in ", re.MULTILINE)
_BEGUN = re.compile(r"^(\S+ \(\S+\))$")


def outcomes(text: str) -> dict[str, bool]:
    """What unittest says of each test at its second verbosity; a first line of a docstring may stand between name and outcome."""
    found: dict[str, bool] = {}
    begun = ""
    for line in text.splitlines():
        ended = _ENDED.match(line)
        if ended:
            found[ended[1]] = ended[2] == "ok" or ended[2] == "expected failure"
        elif begun and re.search(r"\.\.\. (ok|FAIL|ERROR)$", line):
            found[begun] = line.endswith("ok")
        begun = line if _BEGUN.match(line) else ""
    return found


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("django", chosen.home) as home:
        python = chosen.python or environment(home, *PINS)
        source: Path = chosen.source or release(python, home, f"Django=={VERSION}")

        def piece(peer: Peer, apps: list[str]) -> dict[str, bool]:
            log = home / f"{peer.name}-{apps[0]}.log"
            if chosen.home and log.exists() and _WHOLE.search(log.read_text(errors="replace")):
                return outcomes(log.read_text(errors="replace"))
            with ExitStack() as stack:
                start = partial(postgresql, PREPARE) if peer.name == "PostgreSQL" else hyperdb_server
                first, second = (stack.enter_context(start()) for _ in range(2))
                settings = SETTINGS.format(first=first.url, second=second.url)
                folder = fresh(home / peer.name)
                (folder / "server_settings.py").write_text(settings + (LACKS if peer.name == "HyperDB" else ""))
                words = ["--settings=server_settings", "--keepdb", "--noinput", "--parallel=1", "-v2", "--timing"]
                known = {**os.environ, "PYTHONPATH": str(folder)}
                command = [str(python), "runtests.py", *words, *apps]
                with log.open("wb") as out:
                    subprocess.run(command, cwd=source / "tests", env=known, stdout=out, stderr=out, check=False)
            if chosen.only:
                print(log.read_text(errors="replace"), flush=True)
            return outcomes(log.read_text(errors="replace"))

        def run(peer: Peer) -> dict[str, bool]:
            found: dict[str, bool] = {}
            for apps in [chosen.rest] if chosen.rest else PIECES:
                found |= piece(peer, apps)
            return found

        beside("django", chosen, run)


if __name__ == "__main__":
    main()
