"""The days on which clocks change, for tests that must hold on all of them."""

import datetime

# Every form in which clocks change today, by the day on which the site's change begins, and a plain day. Lisbon, New
# York and Chatham jump by an hour in either direction, Lord Howe by half an hour, Troll by two. Cairo, Beirut, Santiago
# and Nuuk change at midnight, so that a day begins at one o'clock or an hour comes again before its end; in Havana and
# on the Azores the hour after midnight comes twice. Apia went without the 30th of December 2011.
CHANGES = [
    ("Europe/Lisbon", datetime.date(2026, 3, 29)),
    ("Europe/Lisbon", datetime.date(2026, 10, 25)),
    ("America/New_York", datetime.date(2026, 3, 8)),
    ("America/New_York", datetime.date(2026, 11, 1)),
    ("Australia/Lord_Howe", datetime.date(2026, 4, 5)),
    ("Australia/Lord_Howe", datetime.date(2026, 10, 4)),
    ("Antarctica/Troll", datetime.date(2026, 3, 29)),
    ("Antarctica/Troll", datetime.date(2026, 10, 25)),
    ("Pacific/Chatham", datetime.date(2026, 4, 5)),
    ("Pacific/Chatham", datetime.date(2026, 9, 27)),
    ("Africa/Cairo", datetime.date(2026, 4, 23)),
    ("Africa/Cairo", datetime.date(2026, 10, 29)),
    ("Asia/Beirut", datetime.date(2026, 3, 29)),
    ("Asia/Beirut", datetime.date(2026, 10, 24)),
    ("America/Santiago", datetime.date(2026, 4, 4)),
    ("America/Santiago", datetime.date(2026, 9, 6)),
    ("America/Nuuk", datetime.date(2026, 3, 28)),
    ("America/Nuuk", datetime.date(2026, 10, 24)),
    ("America/Havana", datetime.date(2026, 3, 8)),
    ("America/Havana", datetime.date(2026, 11, 1)),
    ("Atlantic/Azores", datetime.date(2026, 3, 29)),
    ("Atlantic/Azores", datetime.date(2026, 10, 25)),
    ("Pacific/Apia", datetime.date(2011, 12, 29)),
    ("Europe/Lisbon", datetime.date(2026, 6, 10)),
]
