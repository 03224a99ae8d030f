"""The bare apps: the routes, validation, response models and queries of the generated service.

They are written as the documentation of FastAPI and of the library of the database teach, without
any layer around them. They run on the tables of the generated service; OWNER_ID stands for the
principal, whom they do not know.
"""
