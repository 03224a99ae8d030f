"""The security scheme of the OpenAPI document: there is none."""


class SecurityScheme:
    """Callers send no credentials."""
