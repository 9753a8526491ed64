"""The ways Citywide says no. Each message is one sentence a person can act on."""


class CitywideError(Exception):
    """Anything that is shown to a person as one line, without a traceback."""


class RegisterError(CitywideError):
    """A register, definition or feed document is wrong; names the file and the key."""


class DatabaseError(CitywideError):
    """The database cannot be started, reached or used."""


class RunStopped(CitywideError):
    """A harvest run ends early. `code` is a code of the issue register."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RunFailed(RunStopped):
    """The feed cannot be read; nothing of this fetch is used."""


class RunHeld(RunStopped):
    """The feed was read, but a person must decide before anything changes."""
