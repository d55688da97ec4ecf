"""Standard library only: the controller imports these modules too."""
