"""The verbs of `./run` on the machine that deploys: one file a verb.

A verb is a click command with the name of its file. It calls pyinfra with the same deploys and
facts as the pyinfra line does, and knows nothing of a role.
"""
