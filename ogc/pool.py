"""How the OGC API connects to the database: read only, bounded in time, and with plans that stay as they are."""

SECONDS = 20
"""A statement that takes longer is cut off."""

_SETTINGS = {
    "jit": "off",
    "timezone": "UTC",
    "statement_timeout": f"{SECONDS}s",
    # A first load keeps an empty layer's table to itself; better to say so than to keep a connection waiting.
    "lock_timeout": "1s",
    "default_transaction_read_only": "on",
    # Our statements decide their own plans; planning each anew would cost more than most of them take.
    "plan_cache_mode": "force_generic_plan",
    # A bitmap of a whole box is built before its first row comes, and our statements stop early.
    "enable_bitmapscan": "off",
    "max_parallel_workers_per_gather": "0",
}


def connection_settings() -> dict[str, object]:
    """Arguments for psycopg's connect."""
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    return {"autocommit": True, "prepare_threshold": 0, "application_name": "ogc", "options": options}
