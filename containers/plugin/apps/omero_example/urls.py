"""The app's pages, below /omero_example/."""

from django.urls import path

from . import views

urlpatterns = [path("", views.index, name="omero_example_index")]
