"""A benchmark's registry as plain pydantic models: closed, strict and frozen, without a rule of their own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


class Helm(Table):
    parameters: dict[str, str] | None = None
    values: str | None = None


class Layer(Table):
    repo_url: str | None = Field(default=None, alias="repoURL")
    path: str | None = None
    target_revision: str | None = None
    project: str | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None
    helm: Helm | None = None


class App(Layer):
    team: str
    environments: dict[str, Layer] = {}


class Environment(Table):
    labels: dict[str, str] = {}
    create_projects: bool = False
    promotes_from: list[str] = []
    apps: list[str] = []


class Team(Table):
    owners: list[str]
    repositories: list[str]
    namespaces: list[str]


class File(Table):
    version: int = 1
    include: list[str] = []
    workloads: dict[str, str] = {}
    argocd: dict[str, str] = {}
    environments: dict[str, Environment] = {}
    teams: dict[str, Team] = {}
    apps: dict[str, App] = {}
