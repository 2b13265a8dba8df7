#!/bin/sh
# Run the commands on the registry of this checkout, and publish to a bare repository in .demo/.
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

# Do not use the identity, the signing key or the cache folder of the user.
export GIT_CONFIG_GLOBAL="$PWD/.demo/gitconfig"
git config --global include.path "${HOME-}/.gitconfig"
git config --global user.name 'Workloads Demo'
git config --global user.email 'demo@example.com'
git config --global commit.gpgSign false
export GIT_AUTHOR_NAME='Workloads Demo' GIT_AUTHOR_EMAIL='demo@example.com'
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
export XDG_CACHE_HOME="$PWD/.demo/cache"

echo "An empty bare repository takes the place of the one that Argo CD reads: $repository"

run workloads render
run workloads check
run workloads publish --repository "$repository"

printf '\nPublish again: without a change there is no commit.\n'
run workloads publish --repository "$repository"
run git -C "$repository" --no-pager log --shortstat main
run workloads status

cat <<'END'

What to try next: onboard a fourth app. Add these lines at the end of apps.toml

    [teams.payments]
    owners = ["@acme/payments"]
    repositories = ["https://github.com/acme/"]
    namespaces = ["billing"]
    [apps.billing]
    team = "payments"
    repoURL = "https://github.com/acme/billing.git"
    path = "charts/billing"
    targetRevision = "main"

and this line to the list `apps` of [environments.dev]

      "billing",

then put .venv/bin on your PATH and run:

    workloads check               # report what is wrong, and which charts are out of date
    workloads render              # write the charts
    git diff multi-repo           # see what changed
    workloads publish --repository .demo/workloads.git
    workloads schema              # print the JSON Schema for your editor
    workloads --help              # list all commands
END
