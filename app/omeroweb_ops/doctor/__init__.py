"""Ask the public URL as a visitor would, and name the setting to change.

Read-only. Observed once (`observe`, over `http`, `certificate` and `here`), judged by pure
functions (`judge` and its parts), reported for people or programs (`report`). The controller
imports `expected` and `memory` alone: it has none of the libraries of a release.
"""
