"""When a vendor takes work again, in its own words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros.drivers.adapters.profiles import load_profiles
from kyros.fleet.model.pause import find_notice, resume_at

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")  # an hour ahead of UTC in winter


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("3pm", "2026-11-20T14:00:00+00:00"),
        ("3:05 PM", "2026-11-20T14:05:00+00:00"),
        ("3 p.m.", "2026-11-20T14:00:00+00:00"),
        ("1pm", "2026-11-21T12:00:00+00:00"),
        ("12am", "2026-11-20T23:00:00+00:00"),
        ("15:30", "2026-11-20T14:30:00+00:00"),
        ("3pm (America/New_York)", "2026-11-20T20:00:00+00:00"),
        ("15:30 UTC", "2026-11-20T15:30:00+00:00"),
        ("3pm (Nowhere/Land)", "2026-11-20T14:00:00+00:00"),
        ("Dec 1 at 3pm", "2026-12-01T14:00:00+00:00"),
        ("Nov 25th, 2026 3:05 PM", "2026-11-25T14:05:00+00:00"),
        ("1 December 15:30 UTC", "2026-12-01T15:30:00+00:00"),
        ("December 1st", "2026-11-30T23:00:00+00:00"),
        ("you may try again in 2 hours", "2026-11-20T14:00:30+00:00"),
        ("in 2 hours", "2026-11-20T14:00:30+00:00"),
        ("3 days 2 hours 5 minutes", "2026-11-23T14:05:30+00:00"),
        ("2h30m", "2026-11-20T14:30:30+00:00"),
        ("45.5s", "2026-11-20T12:01:15.500000+00:00"),
        ("1795262400", "2026-11-21T12:00:00+00:00"),
        ("1795262400000", "2026-11-21T12:00:00+00:00"),
        ("2026-11-21T08:00:00Z", "2026-11-21T08:00:00+00:00"),
        ("2026-11-21 08:00", "2026-11-21T07:00:00+00:00"),
        ("2026-11-21T08:00:00+02:00", "2026-11-21T06:00:00+00:00"),
    ],
)
def test_a_time_is_read_in_its_zone_or_the_hosts(said: str, moment: str) -> None:
    found = resume_at(said, NOW, BERLIN)
    assert found is not None
    assert found.isoformat() == moment


@pytest.mark.parametrize(
    "said",
    [
        "",
        "soon",
        "13pm",
        "25:00",
        "0 seconds",
        "1600000000",
        "2020-01-01T00:00:00Z",
        "90 days",
        "2999-13-45",
        "Feb 30 at 3pm",
        "Jan 9 at 3pm",
        "Nov 19, 2026 3pm",
        "Dec 1 at 25:00",
    ],
)
def test_what_cannot_be_read_has_passed_or_is_far_is_no_time(said: str) -> None:
    assert resume_at(said, NOW, BERLIN) is None


@given(st.text(max_size=60), st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)))
def test_any_text_gives_a_moment_soon_after_now_or_none(said: str, now: datetime) -> None:
    moment = resume_at(said, now.replace(tzinfo=UTC), BERLIN)
    assert moment is None or timedelta() < moment - now.replace(tzinfo=UTC) <= timedelta(days=35)


@given(st.integers(1, 30), st.integers(0, 23), st.integers(1, 59))
def test_a_span_is_as_long_as_it_says(days: int, hours: int, minutes: int) -> None:
    span = timedelta(days=days, hours=hours, minutes=minutes)
    assert resume_at(f"in {days} days {hours} hours {minutes} minutes", NOW, BERLIN) == NOW + span
    assert resume_at(f"{days}d{hours}h{minutes}m", NOW, BERLIN) == NOW + span


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from(["Europe/Berlin", "Asia/Tokyo", "UTC"]))
def test_a_time_of_day_is_the_next_such_one(hour: int, minute: int, zone: str) -> None:
    moment = resume_at(f"{hour:02}:{minute:02} {zone}", NOW, ZoneInfo("America/Lima"))
    assert moment is not None
    local = moment.astimezone(ZoneInfo(zone))
    assert (local.hour, local.minute) == (hour, minute)
    assert timedelta() < moment - NOW <= timedelta(days=1)


@pytest.mark.parametrize(
    ("profile", "said", "time"),
    [
        ("claude", "Claude AI usage limit reached|1795262400", "1795262400"),
        ("claude", "5-hour limit reached ∙ resets 3pm (Europe/Berlin)", "3pm (Europe/Berlin)"),
        ("codex", "You've hit your usage limit. Upgrade, or try again in 3 days 2 hours.", "3 days 2 hours"),
        ("codex", "You've hit your usage limit. Visit x, or try again at 3:05 PM.", "3:05 PM"),
        ("gemini", "You have exhausted your quota. Your quota will reset after 2h30m5s.", "2h30m5s"),
    ],
)
def test_the_shipped_patterns_find_notices_of_these_shapes(profile: str, said: str, time: str) -> None:
    pattern = load_profiles().get(profile).usage_limit
    assert pattern is not None
    found = find_notice(pattern, f"● before\r\n{said}\r\nafter\r\n")
    assert found is not None
    assert found[1].strip(" .\r") == time
    assert find_notice(pattern, "I read about limits, quota and usage, and try again.") is None
