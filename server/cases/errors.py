"""What can be refused about a notice of death."""

from server.errors import ServerError


class DeathPersonError(ServerError):
    """Number and name do not name one person of the registry."""

    code = "E-DEATH-PERSON"


class DeathConflictError(ServerError):
    """Another notice stands for this person, with another date."""

    code = "E-DEATH-CONFLICT"


class DeathUnknownError(ServerError):
    """No such notice, or it was withdrawn."""

    code = "E-DEATH-UNKNOWN"


class DeathDateError(ServerError):
    """A day of death that has not come yet."""

    code = "E-DEATH-DATE"
