"""Git access: running git, the user's checkout, private clones of remotes, and committing and pushing."""
