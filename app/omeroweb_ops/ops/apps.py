"""The app as Django knows it."""

from django.apps import AppConfig


class Ops(AppConfig):  # type: ignore[misc] # Django has no types here
    """Named by its label, as OMERO.web makes its address of it."""

    name = "omeroweb_ops.ops"
    label = "ops"
    verbose_name = "Health and metrics"
