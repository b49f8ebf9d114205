import datetime
import json
import shutil
import subprocess

import pytest

from web.message_times import clock_words, reads_12_hours

LOCALES = ["en-US", "en-GB", "en-AU", "en-IE", "en-IN", "en-ZA", "de-DE", "de-AT", "de-CH", "ar-EG", "ar-MA", "ar-SA"]


def test_12_or_24_hours_are_those_of_the_pages():
    script = """
    const cycle = (locale) => new Intl.DateTimeFormat(locale, { hour: "numeric" }).resolvedOptions().hourCycle;
    console.log(JSON.stringify(JSON.parse(process.argv[1]).map((locale) => cycle(locale) === "h12")));
    """
    node = shutil.which("node")
    assert node, "Node is needed for the tests of scripts"

    said = subprocess.run([node, "-e", script, json.dumps(LOCALES)], capture_output=True, text=True, check=True).stdout

    assert [reads_12_hours(locale) for locale in LOCALES] == json.loads(said)


@pytest.mark.parametrize(("tag", "twelve"), [("de", False), ("ar", True), ("en_US", True), ("zh-Hant-TW", False)])
def test_a_tag_without_a_region_or_of_another_language_is_answered_too(tag, twelve):
    assert reads_12_hours(tag) is twelve


@pytest.mark.parametrize(("hour", "words"), [(0, "12:05 am"), (11, "11:05 am"), (12, "12:05 pm"), (23, "11:05 pm")])
def test_noon_is_twelve_pm_and_midnight_twelve_am(hour, words):
    local = datetime.datetime(2026, 11, 25, hour, 5, tzinfo=datetime.UTC)

    assert clock_words(local, lambda text, **values: text.format(**values), by_12_hours=True) == words
