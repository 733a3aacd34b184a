"""What a user can put right: one line that says what came, what is wanted and what to do."""


class FvitError(Exception):
    """A mistake in the input or a machine that cannot do what was asked; the command line prints it and exits with 2.

    `needs`: a short key of what would help ("steps"), which the command line translates into an option or a command of its own.
    """

    def __init__(self, message: str = "", needs: str = ""):
        super().__init__(message)
        self.needs = needs


class CheckpointError(FvitError):
    """A weight file that is missing, damaged, unsafe or made for another network."""


class ArtifactError(FvitError):
    """An exported file that is missing, altered, stale or of another network."""


class SessionUnavailable(FvitError):
    """A session that cannot run on this machine, with the reason."""


class PictureError(FvitError):
    """A picture that cannot be used."""
