"""The words Citywide uses, as types. Every room imports its enums from here so that a state has one spelling."""

from enum import StrEnum


class Outcome(StrEnum):
    """How a harvest run ends. In `held` and `failed` the last good data stays up."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    HELD = "held"
    FAILED = "failed"


class RunState(StrEnum):
    """Where a harvest run is; `ended` runs carry an `Outcome`."""

    RUNNING = "running"
    ENDED = "ended"


class Severity(StrEnum):
    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    INFO = "info"


class Responsibility(StrEnum):
    """Who mends an issue: the council that publishes the feed, or the people who run Citywide."""

    PUBLISHER = "publisher"
    PLATFORM = "platform"


class Action(StrEnum):
    """What the pipeline did with the row or value that an issue names."""

    KEPT = "kept"
    FIXED = "fixed"
    BLANKED = "blanked"
    DROPPED = "dropped"
    HELD = "held"


class FieldType(StrEnum):
    """Types a layer definition may give a field."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    FLAG = "flag"
    DATE = "date"
    TIME_RANGES = "opening-hours"
    OSM_HOURS = "osm-hours"
    CODE = "code"
    CODES = "codes"
    POSTCODE = "postcode"
    UPRN = "uprn"
    URL = "url"
    EMAIL = "email"
    PHONE = "phone"


class GeometryKind(StrEnum):
    """What shape a layer holds: a place on the ground, or an area that may also come as its point."""

    POINT = "point"
    AREA = "area"


class Rung(StrEnum):
    """The rung of the identity ladder that gave a feed's features their keys."""

    REFERENCE = "reference"
    PLATFORM = "platform"
    NATIONAL = "national"
    NATURAL = "natural"
    NATURAL_WITH_PLACE = "natural+place"
    FINGERPRINT = "fingerprint"


class Decider(StrEnum):
    """What told a run whether anything had changed: the rungs of the change ladder, cheapest first."""

    WATERMARK = "watermark"
    CONDITIONAL = "conditional request"
    BYTES = "same bytes"
    CONTENT = "same content"
    ROWS = "rows compared"


class Reach(StrEnum):
    """How much of its dataset a run read."""

    FULL = "full"
    CHANGES = "changes"


class CouncilState(StrEnum):
    """A council's standing in one layer, as coverage tables show it."""

    IN = "in"
    STALE = "stale"
    HELD = "held"
    FAILED = "failed"
    WAITING = "waiting"
    MISSING = "missing"


class Duty(StrEnum):
    """Why a council is expected to provide a layer: a law orders it to publish; a law orders it to keep or decide it,
    or a code asks for it; or it would be good to have."""

    STATUTORY = "statutory"
    EXPECTED = "expected"
    ENCOURAGED = "encouraged"


class Level(StrEnum):
    """How far a feed or layer may be relied on, from the least; `datasets.quality` has the rule of each."""

    NONE = "none"
    SOME = "some"
    INDICATIVE = "indicative"
    AUTHORITATIVE = "authoritative"
    USABLE = "usable"
    TRUSTWORTHY = "trustworthy"


class TaskState(StrEnum):
    """Where a task of a council is. One that is muted stays so for as long as its cause does."""

    OPEN = "open"
    FIXED = "fixed"
    MUTED = "muted"


class TaskKind(StrEnum):
    """What a task comes from: issues in what was read, a held run, failed runs, a layer without a feed."""

    ISSUE = "issue"
    HELD = "held"
    FAILED = "failed"
    NOT_PROVIDED = "not provided"


class MatchDecision(StrEnum):
    """Whether two councils' features are one thing; `open` until a person says."""

    SAME = "same"
    DIFFERENT = "different"
    OPEN = "open"


class RuleAction(StrEnum):
    """What a rule does with the values it is for; see `datasets.rule`."""

    REPLACE = "replace"
    BLANK = "blank"
    DEFAULT = "default"
    SKIP_ROW = "skip-row"
    KEEP = "keep"
    UNITS = "units"


class Cause(StrEnum):
    """What brought a change of a feature about."""

    HARVEST = "harvest"
    ROLL_BACK = "roll-back"
    TAKE_DOWN = "take-down"
    MATCH = "match"
    MOVE = "move"
    REBUILD = "rebuild"
    WITHDRAWAL = "withdrawal"


class Operation(StrEnum):
    """What a publish did to one feature, as the `change` table records it."""

    INSERT = "insert"
    UPDATE = "update"
    MISSING = "missing"
    END = "end"
    RESTORE = "restore"
