"""The security scheme of the OpenAPI document."""

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase


class SecurityScheme(SecurityBase):
    """Callers send an access token as bearer."""

    model = HTTPBearer(bearerFormat="JWT")
    scheme_name = "bearer"
