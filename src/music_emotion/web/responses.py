"""What the API answers when it does not do what was asked: a status, a code and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from music_emotion.errors import MusicEmotionError


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of refusal.

    Attributes
    ----------
    status
        The HTTP status.
    code
        What programs look at; it does not change.
    meaning
        One sentence for the documentation of the API.
    """

    status: int
    code: str
    meaning: str


BAD_REQUEST = Kind(400, "bad_request", "The request is not multipart form data with one `file`.")
UNAUTHORISED = Kind(401, "unauthorised", "The server asks for a token that was not shown.")
FORBIDDEN = Kind(403, "cross_site", "A page of another site sent the request.")
NOT_FOUND = Kind(404, "not_found", "There is no such address, job or example.")
NOT_ALLOWED = Kind(405, "method_not_allowed", "The address does not take this method.")
TOO_SLOW = Kind(408, "upload_too_slow", "The upload paused, was too slow or took too long.")
NOT_FINISHED = Kind(409, "not_finished", "The job has no result yet, or none at all.")
TOO_LARGE = Kind(413, "too_large", "The request is larger than the server takes.")
TOO_LONG = Kind(413, "too_long", "The sound is longer than the server takes.")
UNSUPPORTED = Kind(415, "unsupported_format", "The server has no decoder for this format.")
UNREADABLE = Kind(422, "unreadable_audio", "The file is not audio, is damaged, empty or too short.")
INVALID = Kind(422, "invalid_field", "A field is missing or has a value it cannot have.")
SHARE_USED = Kind(429, "too_many_requests", "This client has too many files in the server.")
CANCELLED = Kind(409, "cancelled", "The job was cancelled.")
INTERNAL = Kind(500, "internal_error", "The server made a mistake.")
BUSY = Kind(503, "busy", "The server has no room for another file now.")
TIMED_OUT = Kind(504, "analysis_too_long", "The analysis took longer than the server allows.")


class RefusedError(MusicEmotionError):
    """A request that is not granted.

    Parameters
    ----------
    kind
        Of the refusals above.
    message
        A sentence for people: what is wrong, and what helps.
    retry_after
        Seconds after which another attempt is worth it; 0 if it never is.
    """

    def __init__(self, kind: Kind, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after
