"""Open pull requests on GitHub, GitLab and Gitea."""
