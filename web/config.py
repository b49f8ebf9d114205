"""Settings: every option of the server, read once.

An option `name` is the environment variable `ENROUTE_NAME`; the command line wins over the environment. A variable that
begins with `ENROUTE_` and names no option is refused: a typo must not silently leave the default in force.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from tracker.errors import ExchangeUrlError
from tracker.redis_urls import read_redis_url
from web.map_places import MapPlaceError, allowed_origins
from web.message_options import read_muted, read_quiet_hours

PREFIX = "ENROUTE_"

# Read by `enroute simulate` and by the tests, which may run where the server's own options are set.
OTHER_VARIABLES = frozenset({"ENROUTE_SIM_URL", "ENROUTE_SIM_EMAIL", "ENROUTE_SIM_PASSWORD", "ENROUTE_TEST_DATA"})

ROADS_NAME = "roads.graph"
LOGO_SUFFIXES = (".svg", ".png", ".webp")
ROAD_SERVERS = ("osrm+http", "osrm+https", "valhalla+http", "valhalla+https")

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[int, Meta(ge=0, le=10 * 365 * 86_400)]
Days = Annotated[int, Meta(ge=1, le=3650)]
LogLevel = Literal["debug", "info", "warning", "error"]


class SettingsError(ValueError):
    """An option is unknown, unreadable, or contradicts another. The message names the option and the way out."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator decided. Names carry their unit; `None` means "not configured"."""

    host: str = "127.0.0.1"
    port: Port = 8000
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    database: str = "sqlite:///enroute.db"
    # To PostgreSQL, of each process.
    database_connections: Annotated[int, Meta(ge=6, le=500)] = 12
    redis: str | None = None
    public_url: str | None = None
    secure_cookies: bool | None = None
    log_level: LogLevel = "info"
    # Obeyed before these settings are read, by web/compiled.py: it decides what `import tracker` finds.
    compiled: Literal["auto", "off"] = "auto"
    # See web/large_pages.py.
    large_pages: Literal["auto", "off"] = "auto"
    # See tracker/ring.py.
    io_uring: Literal["auto", "off"] = "auto"
    # See web/neighbours.py.
    gather: Literal["auto", "off"] = "auto"

    brand: Annotated[str, Meta(min_length=1, max_length=60)] = "Enroute"
    # "#rrggbb": the one colour of buttons and links.
    accent: Annotated[str, Meta(pattern="^#[0-9A-Fa-f]{6}$")] | None = None
    logo_file: str | None = None
    contact_phone: str | None = None
    contact_email: str | None = None
    # Of messages to people who never chose one, and of pages where the browser asks for none that we speak.
    language: Literal["en", "de", "ar"] = "en"

    self_scheduling: bool = True
    technician_tracking: bool = True
    surveys: bool = True

    smtp_url: str | None = None
    mail_from: str | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None
    events_webhook_url: str | None = None
    events_webhook_secret: str | None = None
    # Kinds with commas between them.
    muted_messages: str = ""
    # Of the site's day; "off" for none.
    quiet_hours: str = "21-8"
    # 0: nobody is reminded.
    reminder_h: Annotated[int, Meta(ge=0, le=30 * 24)] = 24

    session_days: Days = 30
    invitation_days: Days = 14
    link_grace_s: Seconds = 3600

    min_lead_s: Seconds = 2 * 3600
    min_lead_days: Annotated[int, Meta(ge=0, le=3650)] = 0
    max_lead_days: Days = 60
    horizon_days: Annotated[int, Meta(ge=1, le=92)] = 14
    hold_s: Annotated[int, Meta(ge=10, le=3600)] = 300
    window_s: Annotated[int, Meta(ge=300, le=86_400)] = 7200
    window_before_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    buffer_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    slot_step_s: Annotated[int, Meta(ge=300, le=86_400)] = 1800
    move_cutoff_s: Seconds = 2 * 3600
    cancel_cutoff_s: Seconds = 3600
    cancel_while_traveling: bool = True

    arrival_radius_m: Annotated[float, Meta(ge=10, le=2000)] = 75
    fix_retention_days: Days = 30
    share_phone: bool = True
    share_photo: bool = True
    share_name: bool = True

    map_style_url: str | None = None
    # A PMTiles file elsewhere, drawn in our own style.
    map_tiles_url: str | None = None
    # Whatever else a style of another host asks: parted by spaces or commas.
    map_hosts: str | None = None
    map_file: str | None = None
    roads_file: str | None = None
    roads_url: str | None = None
    roads_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 3.0

    def __repr__(self) -> str:
        """Without what nobody may read in a log."""
        shown = {name: "…" if name in SECRET_OPTIONS else getattr(self, name) for name in OPTION_NAMES}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, or None where the database is a server."""
        prefix = "sqlite:///"
        return Path(self.database.removeprefix(prefix)) if self.database.startswith(prefix) else None

    @property
    def base_url(self) -> str:
        """Where people reach this server, without a slash at the end: the links in messages begin with it."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def cookies_are_secure(self) -> bool:
        if self.secure_cookies is not None:
            return self.secure_cookies
        return self.base_url.startswith("https://")

    @property
    def map_origins(self) -> tuple[str, ...]:
        """Where pages may get a map from, beside this server."""
        return allowed_origins(style_url=self.map_style_url, tiles_url=self.map_tiles_url, hosts=self.map_hosts)

    @property
    def basemap_path(self) -> Path:
        """The PMTiles file of the drawn road network; it need not exist."""
        if self.map_file:
            return Path(self.map_file)
        folder = self.sqlite_path.parent if self.sqlite_path else Path()
        return folder / "basemap.pmtiles"

    @property
    def roads_path(self) -> Path:
        """The road graph that arrival times are reckoned on, beside the basemap; it need not exist."""
        return Path(self.roads_file) if self.roads_file else self.basemap_path.with_name(ROADS_NAME)


OPTION_NAMES = tuple(field.name for field in msgspec.structs.fields(Settings))
SECRET_OPTIONS = frozenset({"smtp_url", "webhook_secret", "events_webhook_secret", "database", "redis", "roads_url"})


def load_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """Settings from `ENROUTE_*` in `environ`, then from `overrides` (those that are not None).

    Raises SettingsError for an unknown name, a value of the wrong kind, or options that contradict each other.
    """
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in OPTION_NAMES or variable != variable.upper():
            raise SettingsError(_unknown(variable))
        if text.strip():
            values[name] = text.strip()
    for name, value in overrides.items():
        if name not in OPTION_NAMES:
            raise SettingsError(_unknown(name))
        if value is not None:
            values[name] = value
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_unreadable(str(error))) from None
    _check_together(settings)
    return settings


def _has_host(url: str) -> bool:
    parts = urlsplit(url)
    try:
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number
        return False


def _unknown(name: str) -> str:
    valid = [PREFIX + option.upper() for option in OPTION_NAMES]
    near = difflib.get_close_matches(name.upper(), valid, n=1, cutoff=0.0)
    return f"{name} is not an option. Did you mean {near[0]}?"


def _unreadable(message: str) -> str:
    # msgspec says "Expected `int` - at `$.port`"; people set ENROUTE_PORT. The value may be a secret.
    match = re.search(r" - at `\$\.(\w+)`", message)
    if match is None:
        return message
    return f"{PREFIX}{match[1].upper()}: {message[: match.start()].replace('`', '')}."


def _check_together(settings: Settings) -> None:
    scheme = settings.database.partition("://")[0]
    if scheme not in ("sqlite", "postgresql"):
        raise SettingsError(
            f"{PREFIX}DATABASE begins with {scheme!r}. Use sqlite:///path/enroute.db or postgresql://user:password@host/name."
        )
    if settings.public_url is not None:
        parts = urlsplit(settings.public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"{PREFIX}PUBLIC_URL must look like https://visits.example.com.")
    if settings.roads_url is not None:
        parts = urlsplit(settings.roads_url)
        if parts.scheme not in ROAD_SERVERS or not _has_host(settings.roads_url) or parts.query or parts.fragment:
            raise SettingsError(
                f"{PREFIX}ROADS_URL must look like osrm+http://host:5000 or valhalla+https://host/path."
            )
    _check_map(settings)
    if settings.logo_file is not None:
        logo = Path(settings.logo_file)
        if logo.suffix.lower() not in LOGO_SUFFIXES or not logo.is_file():
            raise SettingsError(f"{PREFIX}LOGO_FILE must be a file that exists and ends in {', '.join(LOGO_SUFFIXES)}.")
    if settings.min_lead_days > settings.max_lead_days:
        raise SettingsError(
            f"{PREFIX}MIN_LEAD_DAYS ({settings.min_lead_days}) is more than {PREFIX}MAX_LEAD_DAYS"
            f" ({settings.max_lead_days}): nothing could be booked."
        )
    if settings.window_before_s > settings.window_s:
        raise SettingsError(
            f"{PREFIX}WINDOW_BEFORE_S ({settings.window_before_s}) is more than {PREFIX}WINDOW_S ({settings.window_s}):"
            " the visit would begin after the window that the customer is told."
        )
    if settings.smtp_url is not None:
        if urlsplit(settings.smtp_url).scheme not in ("smtp", "smtps"):
            raise SettingsError(f"{PREFIX}SMTP_URL must begin with smtp:// or smtps://.")
        if settings.mail_from is None:
            raise SettingsError(f"{PREFIX}SMTP_URL is set; {PREFIX}MAIL_FROM must say who the mail comes from.")
    _check_messages(settings)
    if settings.redis is not None:
        try:
            read_redis_url(settings.redis)
        except ExchangeUrlError as error:
            raise SettingsError(f"{PREFIX}REDIS: {error}.") from None
    if settings.workers > 1 and settings.redis is None:
        raise SettingsError(
            f"{settings.workers} workers need {PREFIX}REDIS (--redis redis://host): a technician's position arrives in"
            " one process and its watchers may sit in another. Without Redis use one worker; it serves thousands."
        )


def _check_messages(settings: Settings) -> None:
    for name in ("webhook_url", "events_webhook_url"):
        url = getattr(settings, name)
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not _has_host(url)):
            raise SettingsError(f"{PREFIX}{name.upper()} must look like https://host/path.")
    try:
        read_muted(settings.muted_messages)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}MUTED_MESSAGES: {error}") from None
    try:
        read_quiet_hours(settings.quiet_hours)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}QUIET_HOURS: {error}") from None


MAP_PLACES = ("map_style_url", "map_tiles_url", "map_hosts")


def _check_map(settings: Settings) -> None:
    for name in MAP_PLACES:
        # One at a time, so that the complaint names it.
        style_url, tiles_url, hosts = (getattr(settings, each) if each == name else None for each in MAP_PLACES)
        try:
            origins = allowed_origins(style_url=style_url, tiles_url=tiles_url, hosts=hosts)
        except MapPlaceError as error:
            raise SettingsError(f"{PREFIX}{name.upper()}: {error}.") from None
        if settings.base_url.startswith("https:") and any(origin.startswith("http:") for origin in origins):
            raise SettingsError(f"{PREFIX}{name.upper()} must begin with https://: a page of https asks nobody else.")
    if settings.map_tiles_url is not None:
        parts = urlsplit(settings.map_tiles_url)
        if not parts.netloc or not parts.path.endswith(".pmtiles"):
            raise SettingsError(f"{PREFIX}MAP_TILES_URL must look like https://tiles.example.com/city.pmtiles.")
        if settings.map_style_url is not None:
            raise SettingsError(
                f"{PREFIX}MAP_TILES_URL is drawn in our own style, {PREFIX}MAP_STYLE_URL is another: give one of them."
            )
