"""The default site: OMERO.web, NGINX and Redis on this machine. A bigger one: see the README.

Each group is (hosts, settings). OMERO.web's own properties go into web_config by their own names,
as Python data. Passwords and keys go into a YAML file that web_secrets names, never in here.
"""

redis = (["@local"], {})

web = (
    ["@local"],
    {
        "web_config": {
            # The OMERO.servers that visitors can log in to: [host, port, name].
            "omero.web.server_list": [["localhost", 4064, "omero"]],
        },
    },
)

nginx = (["@local"], {})
