"""How long NGINX may serve a static file without a look at the file's path."""

# Seconds; NGINX's clock for this has whole seconds (open_file_cache_valid).
STATIC_CACHE_VALID = 1
