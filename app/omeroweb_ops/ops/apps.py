"""Configure the Django app."""

from django.apps import AppConfig


class Ops(AppConfig):  # type: ignore[misc] # Django has no types here
    """The app, with the label from which OMERO.web takes its URL."""

    name = "omeroweb_ops.ops"
    label = "ops"
    verbose_name = "Health and metrics"
