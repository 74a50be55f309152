"""Names of time zones: those of the IANA database, the abbreviations that everybody reads, and fixed offsets.

Theory: PostgreSQL's documentation, "Time Zones". A POSIX specification counts hours west (`UTC+3` is 3 hours west), everything
else counts east. Invariant: whatever is returned knows its offset at every moment; names are not case sensitive.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

# Hours east of UTC, and what PostgreSQL's default set calls them.
_HOURS: tuple[tuple[float, str], ...] = (
    (-10, "hst taht"),
    (-9.5, "mart"),
    (-9, "akst gamt"),
    (-8, "akdt pst"),
    (-7, "mst pdt"),
    (-6, "cst galt mdt"),
    (-5, "act cdt cot est pet"),
    (-4, "amt ast bot edt"),
    (-3.5, "nft nst"),
    (-3, "adt bra brt clst gft pmst pyst uyt wgt"),
    (-2.5, "ndt"),
    (-2, "brst fnt pmdt uyst wgst"),
    (-1, "azot egt fnst"),
    (0, "azost egst gmt uct ut utc wet z zulu"),
    (1, "bst cet met mez wat wetdst"),
    (2, "bdst cest cetdst eet ist mest mesz metdst sast"),
    (3, "eat eest eetdst fet idt"),
    (3.5, "irt"),
    (4, "msd mut ret sct"),
    (4.5, "aft"),
    (5, "must mvt pkt tft tjt uzt"),
    (5.75, "npt"),
    (6, "almt bdt btt kgst pkst uzst xjt yekst"),
    (6.5, "mmt"),
    (7, "almst cxt ict wast"),
    (8, "awst bnt bort cct hkt myt pht wadt"),
    (8.75, "acwst"),
    (9, "awsst jayt jst kst pwt ulast wdt"),
    (9.5, "acst cast"),
    (10, "aest chut ddut kdt ligt mpt pgt trut yapt"),
    (10.5, "acdt acsst cadt lhst sadt"),
    (11, "aedt aesst pont vut"),
    (12, "fjt gilt mht nzst nzt tvt wakt wft"),
    (12.75, "chast"),
    (13, "fjst nzdt tot"),
    (13.75, "chadt"),
)
_ABBREVIATIONS = {name: hours for hours, names in _HOURS for name in names.split()}
# What stood for different offsets in the course of time: as the place has it.
_PLACES = {
    "amst": "Asia/Yerevan", "anast": "Asia/Anadyr", "anat": "Asia/Anadyr", "arst": "America/Argentina/Buenos_Aires",
    "art": "America/Argentina/Buenos_Aires", "azst": "Asia/Baku", "azt": "Asia/Baku", "ckt": "Pacific/Rarotonga",
    "clt": "America/Santiago", "davt": "Antarctica/Davis", "easst": "Pacific/Easter", "east": "Pacific/Easter",
    "fkst": "Atlantic/Stanley", "fkt": "Atlantic/Stanley", "gest": "Asia/Tbilisi", "get": "Asia/Tbilisi",
    "gyt": "America/Guyana", "iot": "Indian/Chagos", "irkst": "Asia/Irkutsk", "irkt": "Asia/Irkutsk", "kgt": "Asia/Bishkek",
    "kost": "Pacific/Kosrae", "krast": "Asia/Krasnoyarsk", "krat": "Asia/Krasnoyarsk", "lhdt": "Australia/Lord_Howe",
    "lint": "Pacific/Kiritimati", "lkt": "Asia/Colombo", "magst": "Asia/Magadan", "magt": "Asia/Magadan",
    "mawt": "Antarctica/Mawson", "msk": "Europe/Moscow", "novst": "Asia/Novosibirsk", "novt": "Asia/Novosibirsk",
    "nut": "Pacific/Niue", "omsst": "Asia/Omsk", "omst": "Asia/Omsk", "petst": "Asia/Kamchatka", "pett": "Asia/Kamchatka",
    "pyt": "America/Asuncion", "sgt": "Asia/Singapore", "tkt": "Pacific/Fakaofo", "tmt": "Asia/Ashgabat",
    "ulat": "Asia/Ulaanbaatar", "vet": "America/Caracas", "vlast": "Asia/Vladivostok", "vlat": "Asia/Vladivostok",
    "volt": "Europe/Volgograd", "yakst": "Asia/Yakutsk", "yakt": "Asia/Yakutsk", "yekt": "Asia/Yekaterinburg",
}  # fmt: skip
_POSIX = re.compile(r"(?:<[^<>]{1,10}>|[A-Za-z]{3,10})?([+-]?)([0-9]{1,3})(?::([0-9]{2}))?(?::([0-9]{2}))?\Z")


def abbreviated(word: str) -> tzinfo | None:
    """What an abbreviation stands for: a fixed offset, or what holds at a place."""
    hours = _ABBREVIATIONS.get(word.lower())
    if hours is not None:
        return fixed(round(hours * 3600))
    place = named(_PLACES.get(word.lower(), ""))
    return None if place is None else place[1]


def fixed(east: int) -> tzinfo:
    """So many seconds east of UTC."""
    return UTC if east == 0 else timezone(timedelta(seconds=east))


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if name != "localtime"}


@lru_cache(maxsize=256)
def named(name: str) -> tuple[str, tzinfo] | None:
    """A zone by its full name, and the name as it is written; None: there is none of this name."""
    proper = _names().get(name.lower())
    if proper is None:
        return None
    try:
        return proper, UTC if proper in ("UTC", "Etc/UTC") else ZoneInfo(proper)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def setting(text: str) -> tuple[str, tzinfo] | None:
    """What `SET TimeZone` takes: a name, or a POSIX specification whose hours count west; None: neither."""
    found = named(text)
    if found is not None:
        return found
    posix = _POSIX.match(text)
    if posix is None:
        return None
    sign, hours, minutes, seconds = posix.groups()
    west = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    if west >= 86_400:
        return None
    east = -west if sign != "-" else west
    # A bare number counts east, as in SET TIME ZONE 3; one with minutes is a specification without a name.
    return text, fixed(-east if text.lstrip("+-").isdigit() else east)
