"""One host of a site, with what follows from its settings and its survey together."""
