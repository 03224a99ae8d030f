"""What can go wrong with identity."""

from app.errors import AppError


class Unauthenticated(AppError):
    code = "unauthenticated"


class TokenExpired(AppError):
    code = "token_expired"


class InvalidCredentials(AppError):
    code = "invalid_credentials"


class PermissionDenied(AppError):
    code = "permission_denied"


class TooManyFailures(AppError):
    code = "rate_limited"
