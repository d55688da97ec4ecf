"""The paths of OMERO.web whose answers depend on the URL and on nothing of a visitor.

Regular expressions of a path without the prefix and without its first slash, with or without a
query. Sources: omeroweb/webgateway/urls.py, omeroweb/webclient/urls.py, omeroweb/api/urls.py. What
reads the session (getImgRDef), what is large (movies, downloads) and what changes data is left out.
"""

_RENDERS = "|".join((
    "render_image", "render_image_region", "render_image_rdef", "render_image_region_rdef",
    "render_split_channel", "render_row_plot", "render_col_plot", "render_thumbnail",
    "render_roi_thumbnail", "render_shape_thumbnail", "render_shape_mask", "render_birds_eye_view",
    "get_thumbnail", "get_thumbnails",
))  # fmt: skip
_METADATA = "|".join((
    "imgData", "wellData", "plate", "proj", "dataset", "well", "get_rois_json", "get_shape_json",
    "histogram_json", "get_image_rdefs_json", "luts",
))  # fmt: skip
# No dot, no escape and no empty part, so that NGINX and OMERO.web read the same path.
_END = r"(?:/[A-Za-z0-9_]+)*/?(?:\?|$)"
IMAGES = rf"(?:webgateway|webclient)/(?:{_RENDERS}){_END}"
METADATA = rf"(?:(?:webgateway|webclient)/(?:{_METADATA})|api/v[0-9]+/m){_END}"
