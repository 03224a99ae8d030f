"""Users: their accounts, roles and personal data."""
