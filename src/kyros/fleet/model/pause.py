"""When a vendor that refuses more work takes some again, read off its own words. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

UNREADABLE = timedelta(minutes=15)
"""How long a profile waits when the notice names no time that we can read."""

_LONGEST = timedelta(days=35)
_TEXT_SIGNS = 20_000
_EPOCH = re.compile(r"(?<!\d)([12]\d{9})(\d{3})?(?!\d)")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d\d:?\d\d)?")
_SPAN = re.compile(
    r"(\d{1,6}(?:\.\d{1,6})?)\s*(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])",
    re.IGNORECASE,
)
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_CLOCK = re.compile(
    r"(?<!\d)(\d{1,2})(?::(\d\d))?\s*([ap])\.?m\b|(?<!\d)(\d{1,2}):(\d\d)(?!\d)", re.IGNORECASE
)
_MONTHS = (
    "jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?", "aug(?:ust)?",
    "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?",
)  # fmt: skip
_MONTH = f"({'|'.join(_MONTHS)})"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?(?![\d:])"
_DATE = re.compile(
    rf"\b(?:{_MONTH}\.? {_DAY}|{_DAY} (?:of )?{_MONTH}\b)(?:,? (\d{{4}})(?![\d:]))?", re.IGNORECASE
)
_ZONE = re.compile(r"\b([A-Za-z]+(?:/[A-Za-z_+-]+)+|UTC|GMT)\b")


@dataclass(frozen=True)
class Pause:
    """A profile that waits until then; `notice` is what its vendor said."""

    profile: str
    until: datetime
    notice: str
    since: datetime


def find_notice(pattern: str, text: str) -> tuple[str, str] | None:
    """The last notice in what was said, and what it says of the time (the pattern's first group)."""
    found = list(re.finditer(pattern, text[-_TEXT_SIGNS:], re.IGNORECASE))
    if not found:
        return None
    match = found[-1]
    said = next((group for group in match.groups() if group), "")
    return " ".join(match[0].split())[:500], said


def resume_at(said: str, now: datetime, host_zone: tzinfo) -> datetime | None:
    """The moment a text names: seconds since 1970, RFC 3339, "2 hours 5 minutes", "3pm (Europe/Berlin)". A
    time of day is the next such one, or that of the date named beside it ("Dec 1 at 3pm"), in the zone named
    or the host's. None for what cannot be read, for what
    has passed, and for what is further than 35 days."""
    moment = _absolute(said, host_zone)
    if moment is None and (date := _DATE.search(said)):
        moment = _dated(date, said, now, host_zone)
    elif moment is None:
        moment = _span(said, now) or _time_of_day(said, now, host_zone)
    if moment is None or not now < moment <= now + _LONGEST:
        return None
    return moment.astimezone(UTC)


def _absolute(said: str, host_zone: tzinfo) -> datetime | None:
    if match := _RFC3339.search(said):
        try:
            moment = datetime.fromisoformat(match[0].upper())
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=host_zone)
    if match := _EPOCH.search(said):
        return datetime.fromtimestamp(int(match[1]), UTC)
    return None


def _span(said: str, now: datetime) -> datetime | None:
    parts = _SPAN.findall(said)
    if not parts:
        return None
    seconds = sum(float(number) * _SECONDS[unit[0].lower()] for number, unit in parts)
    return now + timedelta(seconds=min(seconds, 10**8))


def _dated(date: re.Match[str], said: str, now: datetime, host_zone: tzinfo) -> datetime | None:
    """Without a time it is the day's beginning; without a year the next such day."""
    rest = said[: date.start()] + said[date.end() :]
    hour, minute = (0, 0) if _CLOCK.search(rest) is None else _clock(rest) or (24, 0)
    month, day = date[1] or date[4], int(date[2] or date[3])
    number = 1 + next(at for at, name in enumerate(_MONTHS) if re.fullmatch(name, month, re.IGNORECASE))
    local = now.astimezone(_zone(said, host_zone))
    for year in [int(date[5])] if date[5] else [local.year, local.year + 1]:
        try:
            moment = local.replace(year, number, day, hour, minute, 0, 0)
        except ValueError:
            continue
        if moment > local:
            return moment
    return None


def _time_of_day(said: str, now: datetime, host_zone: tzinfo) -> datetime | None:
    time = _clock(said)
    if time is None:
        return None
    local = now.astimezone(_zone(said, host_zone))
    moment = local.replace(hour=time[0], minute=time[1], second=0, microsecond=0)
    return moment if moment > local else moment + timedelta(days=1)


def _clock(said: str) -> tuple[int, int] | None:
    match = _CLOCK.search(said)
    if match is None:
        return None
    hour, minute = int(match[1] or match[4]), int(match[2] or match[5] or 0)
    if match[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[3].lower() == "p" else 0)
    return None if hour > 23 or minute > 59 else (hour, minute)


def _zone(said: str, host_zone: tzinfo) -> tzinfo:
    match = _ZONE.search(said)
    if match is None:
        return host_zone
    try:
        return ZoneInfo(match[1])
    except (KeyError, ValueError, OSError):
        return host_zone
