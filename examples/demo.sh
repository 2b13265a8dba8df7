#!/bin/sh
# A tour of the commands on the registry of this checkout. What is published goes to a bare repository under .demo/.
set -eu
cd "$(dirname "$0")/.."

repository=.demo/workloads.git

run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

rm -rf .demo
mkdir .demo
git init --quiet --bare --initial-branch=main "$repository"

# Neither your identity nor your signing key nor your cache folder is used.
export GIT_CONFIG_GLOBAL="$PWD/.demo/gitconfig"
git config --global include.path "${HOME-}/.gitconfig"
git config --global user.name 'Workloads Demo'
git config --global user.email 'demo@example.com'
git config --global commit.gpgSign false
export GIT_AUTHOR_NAME='Workloads Demo' GIT_AUTHOR_EMAIL='demo@example.com'
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
export XDG_CACHE_HOME="$PWD/.demo/cache"

echo "An empty bare repository stands in for the one that Argo CD reads: $repository"

run workloads render
run workloads check
run workloads publish --repository "$repository"

printf '\nOnce more: what is published already makes no commit.\n'
run workloads publish --repository "$repository"
run git -C "$repository" --no-pager log --shortstat main
run workloads status

cat <<'END'

What to try next: onboard a fourth app. Ten lines in apps.toml, nine at its end

    [teams.payments]
    owners = ["@acme/payments"]
    repositories = ["https://github.com/acme/"]
    namespaces = ["billing"]
    [apps.billing]
    team = "payments"
    repoURL = "https://github.com/acme/billing.git"
    path = "charts/billing"
    targetRevision = "main"

and one in the list `apps` of [environments.dev]

      "billing",

then put .venv/bin on your PATH and see what that means:

    workloads check               # what is wrong, or which charts are out of date
    workloads render              # write them
    git diff multi-repo           # what changed
    workloads publish --repository .demo/workloads.git
    workloads schema              # the JSON Schema for your editor
    workloads --help              # everything else
END
