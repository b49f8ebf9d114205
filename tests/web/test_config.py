import pytest

from web.config import OPTION_NAMES, SettingsError, load_settings


def test_without_any_option_the_defaults_hold():
    settings = load_settings({"PATH": "/bin", "HOME": "/root"})

    assert (settings.host, settings.port, settings.database) == ("127.0.0.1", 8000, "sqlite:///enroute.db")


def test_a_misspelt_option_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError) as refusal:
        load_settings({"ENROUTE_SMTP_ULR": "smtp://mail"})

    assert str(refusal.value) == "ENROUTE_SMTP_ULR is not an option. Did you mean ENROUTE_SMTP_URL?"


def test_an_option_in_lower_case_is_a_typo_too():
    with pytest.raises(SettingsError, match="Did you mean ENROUTE_PORT"):
        load_settings({"ENROUTE_port": "80"})


def test_the_command_line_wins_over_the_environment():
    settings = load_settings({"ENROUTE_PORT": "1000", "ENROUTE_HOST": "::1"}, port=2000, host=None)

    assert (settings.port, settings.host) == (2000, "::1")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("0", False), ("FALSE", False), ("False", False)]
)
def test_switches_are_read_from_words_and_digits(text, value):
    assert load_settings({"ENROUTE_SURVEYS": text}).surveys is value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "99999"),
        ("PORT", "eighty"),
        ("HOLD_S", "0"),
        ("SURVEYS", "perhaps"),
        ("LOG_LEVEL", "loud"),
        ("LARGE_PAGES", "yes"),
        ("IO_URING", "on"),
    ],
)
def test_a_value_of_the_wrong_kind_names_its_option(name, value):
    with pytest.raises(SettingsError, match=f"ENROUTE_{name}: "):
        load_settings({f"ENROUTE_{name}": value})


def test_writes_go_by_io_uring_unless_it_is_switched_off():
    assert (load_settings({}).io_uring, load_settings({"ENROUTE_IO_URING": "off"}).io_uring) == ("auto", "off")


def test_an_empty_variable_is_as_good_as_none():
    assert load_settings({"ENROUTE_REDIS": "", "ENROUTE_PORT": " "}).port == 8000


def test_more_than_one_worker_without_redis_is_refused_with_the_reason():
    with pytest.raises(SettingsError, match=r"need ENROUTE_REDIS .* its watchers may sit in another"):
        load_settings({}, workers=2)


def test_an_unknown_kind_of_database_is_refused():
    with pytest.raises(SettingsError, match="postgresql://"):
        load_settings({}, database="mysql://localhost/x")


def test_mail_without_a_sender_is_refused():
    with pytest.raises(SettingsError, match="ENROUTE_MAIL_FROM"):
        load_settings({"ENROUTE_SMTP_URL": "smtp://localhost"})


def test_an_error_never_repeats_the_value_which_may_be_a_secret():
    with pytest.raises(SettingsError) as refusal:
        load_settings({"ENROUTE_DATABASE": "mysql://user:hunter2@host/x"})

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("options", "secure"),
    [
        ({}, False),
        ({"public_url": "https://visits.example"}, True),
        ({"public_url": "http://visits.example"}, False),
        ({"secure_cookies": True}, True),
    ],
)
def test_cookies_are_secure_where_people_come_by_https(options, secure):
    assert load_settings({}, **options).cookies_are_secure is secure


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),
        ({"host": "::"}, "http://[::1]:8000"),
        ({"public_url": "https://visits.example/"}, "https://visits.example"),
    ],
)
def test_links_begin_with_where_people_reach_the_server(options, url):
    assert load_settings({}, **options).base_url == url


def test_the_basemap_lies_beside_the_database_unless_it_is_named():
    assert str(load_settings({}, database="sqlite:////data/e.db").basemap_path) == "/data/basemap.pmtiles"
    assert str(load_settings({}, map_file="/maps/porto.pmtiles").basemap_path) == "/maps/porto.pmtiles"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"map_tiles_url": "/maps/porto.pmtiles"}, "ENROUTE_MAP_TILES_URL must look like https://"),
        ({"map_tiles_url": "https://tiles.example/porto.mbtiles"}, "ENROUTE_MAP_TILES_URL must look like https://"),
        ({"map_tiles_url": "ftp://tiles.example/porto.pmtiles"}, "ENROUTE_MAP_TILES_URL: .* is no address"),
        ({"map_tiles_url": "https://a;b/porto.pmtiles"}, "ENROUTE_MAP_TILES_URL: .* is no address"),
        ({"map_style_url": "https://a b/style.json"}, "ENROUTE_MAP_STYLE_URL: .* is no address"),
        ({"map_hosts": "tiles.example 'unsafe-inline'"}, "ENROUTE_MAP_HOSTS: .*unsafe-inline"),
        ({"map_hosts": "tiles.example;script-src"}, "ENROUTE_MAP_HOSTS: "),
        ({"map_hosts": "https://tiles.example/fonts"}, "ENROUTE_MAP_HOSTS: .* is more than a host"),
        ({"map_hosts": "*"}, "ENROUTE_MAP_HOSTS: "),
        ({"map_hosts": "https://[::1"}, "ENROUTE_MAP_HOSTS: "),
        (
            {"map_hosts": "http://tiles.example", "public_url": "https://visits.example"},
            "ENROUTE_MAP_HOSTS must begin with https://",
        ),
        (
            {"map_tiles_url": "https://a.example/a.pmtiles", "map_style_url": "https://b.example/style.json"},
            "give one of them",
        ),
    ],
)
def test_a_map_from_a_place_that_pages_cannot_ask_is_refused(options, problem):
    with pytest.raises(SettingsError, match=problem):
        load_settings({}, **options)


def test_the_places_of_a_map_are_read_from_all_that_name_one():
    settings = load_settings(
        {
            "ENROUTE_MAP_STYLE_URL": "https://maps.example/style.json?key=1",
            "ENROUTE_MAP_HOSTS": "tiles.example, *.fonts.example:8443  http://[::1]:8080 https://maps.example",
        }
    )

    assert settings.map_origins == (
        "https://maps.example",
        "https://tiles.example",
        "https://*.fonts.example:8443",
        "http://[::1]:8080",
    )
    assert load_settings({}).map_origins == ()
    assert load_settings({}, map_style_url="/static/style.json").map_origins == ()


def test_the_roads_lie_beside_the_basemap_unless_they_are_named():
    assert str(load_settings({}, database="sqlite:////data/e.db").roads_path) == "/data/roads.graph"
    assert str(load_settings({}, map_file="/maps/porto.pmtiles").roads_path) == "/maps/roads.graph"
    assert str(load_settings({}, roads_file="/maps/porto.graph").roads_path) == "/maps/porto.graph"


def test_every_option_can_be_given_by_the_environment():
    assert all(name == name.lower() for name in OPTION_NAMES)


def test_settings_never_show_their_secrets():
    settings = load_settings({"ENROUTE_WEBHOOK_SECRET": "hunter2", "ENROUTE_DATABASE": "postgresql://u:hunter2@h/d"})

    assert "hunter2" not in repr(settings)
    assert "port=8000" in repr(settings)


@pytest.mark.parametrize(
    "url", ["osrm+http://roads:5000", "osrm+https://roads.example.com/osrm", "valhalla+http://user:word@[::1]:8002"]
)
def test_a_road_server_is_named_by_its_protocol_and_address(url):
    assert load_settings({"ENROUTE_ROADS_URL": url}).roads_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://roads:5000",
        "osrm://roads",
        "osrm+http://",
        "osrm+http://roads:five",
        "valhalla+http://roads/route?json=1",
        "graphhopper+http://roads",
    ],
)
def test_a_road_server_that_nobody_could_ask_is_refused(url):
    with pytest.raises(SettingsError, match="ENROUTE_ROADS_URL must look like osrm"):
        load_settings({"ENROUTE_ROADS_URL": url})


def test_no_road_server_is_asked_unless_it_is_configured_and_its_password_is_not_shown():
    assert load_settings({}).roads_url is None
    assert "word" not in repr(load_settings({}, roads_url="osrm+http://user:word@roads"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"min_lead_days": 10, "max_lead_days": 9}, "ENROUTE_MAX_LEAD_DAYS"),
        ({"window_before_s": 3601, "window_s": 3600}, "ENROUTE_WINDOW_S"),
    ],
)
def test_rules_of_booking_that_contradict_each_other_are_refused(options, named):
    with pytest.raises(SettingsError, match=named):
        load_settings({}, **options)


@pytest.mark.parametrize(
    "url", ["http://cache.example", "redis+sentinel://cache.example", "redis+cluster://cache.example/1"]
)
def test_a_redis_that_makes_no_sense_is_refused_without_repeating_its_password(url):
    with pytest.raises(SettingsError, match="ENROUTE_REDIS: ") as refused:
        load_settings({"ENROUTE_REDIS": url.replace("://", "://:hush@")})

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["redis://:hush@cache", "rediss://cache", "unix:///run/redis.sock", "redis+sentinel://one,two/master"]
)
def test_a_redis_is_named_by_its_url(url):
    assert load_settings({"ENROUTE_REDIS": url}, workers=2).redis == url
