"""OMERO.web's own image viewer without an OMERO.server: a plug-in hands it an image.

The page, its scripts and their requests are OMERO.web's, through the same NGINX and headers; what a
server would know of the image, and its pixels, come from here.
"""

VIEWS = """
import io
from django.shortcuts import render
from django.http import HttpResponse
from omeroweb.webgateway.views import jsonp
from PIL import Image

SIZE = 64


class Picture:
    id, getName, getROICount, canAnnotate = 1, "a picture", 0, False
    getSizeX = getSizeY = SIZE
    getPixelSizeX = None


def viewer(request):
    server = request.path.partition("/viewer")[0]
    known = {"image": Picture, "opts": {}, "interpolate": True, "roiLimit": 1, "roiCount": 0,
             "viewport_server": server, "build_year": "2026", "object": "image:1"}
    return render(request, "webgateway/viewport/omero_image.html", known)


@jsonp
def data(request, iid, **kwargs):
    window = {"min": 0, "max": 255, "start": 0, "end": 255}
    channel = {"emissionWave": None, "label": "one", "color": "FF0000", "window": window,
               "active": True, "inverted": False, "reverseIntensity": False,
               "family": "linear", "coefficient": 1.0, "lut": None}
    split = {"width": SIZE, "height": SIZE, "border": 2, "gridx": 1, "gridy": 1}
    return {"id": 1, "tiles": False, "interpolate": True, "pixel_range": [0, 255],
            "size": {"width": SIZE, "height": SIZE, "z": 1, "t": 1, "c": 1},
            "pixel_size": {"x": None, "y": None, "z": None}, "init_zoom": 0,
            "rdefs": {"model": "greyscale", "projection": "normal", "defaultZ": 0,
                      "defaultT": 0, "invertAxis": False},
            "channels": [channel], "split_channel": {"g": split, "c": split},
            "perms": {"canAnnotate": False, "canEdit": False, "canDelete": False,
                      "canLink": False},
            "meta": {"imageName": "a picture", "imageDescription": "", "imageAuthor": "",
                     "imageId": 1, "pixelsType": "uint8", "projectName": "", "datasetName": "",
                     "datasetId": None, "projectId": None, "wellId": "", "wellSampleId": "",
                     "imageTimestamp": 0}}


@jsonp
def copied(request, **kwargs):
    return {"rdef": None}


def pixels(request, iid, z, t):
    written = io.BytesIO()
    Image.new("RGB", (SIZE, SIZE), "teal").save(written, "jpeg")
    return HttpResponse(written.getvalue(), "image/jpeg")
"""
URLS = (
    "path('viewer', views.viewer), path('imgData/<int:iid>/', views.data), "
    "path('getImgRDef/', views.copied), "
    "path('render_image/<int:iid>/<int:z>/<int:t>/', views.pixels)"
)
