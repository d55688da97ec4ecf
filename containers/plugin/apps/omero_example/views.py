"""What the app's pages show."""

from omeroweb.decorators import login_required, render_response


@login_required()
@render_response()
def index(request, conn=None, **kwargs):
    """Show the projects of the user who is logged in."""
    return {
        "template": "omero_example/index.html",
        "user": conn.getUser().getFullName(),
        "projects": sorted(each.getName() for each in conn.getObjects("Project")),
    }
