"""Operations and facts for pyinfra that every role uses. They know nothing of a site."""
