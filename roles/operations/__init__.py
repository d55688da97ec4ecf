"""pyinfra operations and facts that every role uses. They know nothing of a site."""
