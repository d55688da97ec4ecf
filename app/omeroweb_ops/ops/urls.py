"""Define the URLs below ops/."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from . import views

urlpatterns = [
    path(name, never_cache(require_safe(view)), name=f"ops_{name}")
    for name, view in (
        ("live", views.live),
        ("ready", views.ready),
        ("metrics", views.metrics),
        ("session", views.session),
    )
]
