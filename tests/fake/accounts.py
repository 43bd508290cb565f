"""Users, workspaces and who belongs where; `/api/v1` from 1.29 on, `/api` before 2.0."""

from __future__ import annotations

import re
from typing import Any

from . import errors, render
from .quirks import Quirks
from .routes import Answer, Call, route
from .shapes import as_choice, as_object, as_text, as_uuid, needed
from .state import Store, User, Workspace

ROLES = ("owner", "admin", "annotator")
SLUG = re.compile(r"^(?!-|_)[A-Za-z0-9-_]+$")


def v1(quirks: Quirks) -> bool:
    return quirks.accounts_in_v1


def v0(quirks: Quirks) -> bool:
    return quirks.accounts_in_v0


def create_user(store: Store, username: str, role: str, first_name: str | None = None, id_: str | None = None) -> User:
    now = store.now()
    user = User(id_ or store.new_id(), now, now, username, first_name or username, None, role, store.new_key(username))
    store.users[user.id] = user
    return user


def create_workspace(store: Store, name: str, id_: str | None = None) -> Workspace:
    now = store.now()
    workspace = Workspace(id_ or store.new_id(), now, now, name)
    store.workspaces[workspace.id] = workspace
    return workspace


def delete_user(store: Store, quirks: Quirks, user: User) -> None:
    """Remove a user; their responses go too, or stay without an author in old versions."""
    del store.users[user.id]
    for workspace in store.workspaces.values():
        workspace.members = [id_ for id_ in workspace.members if id_ != user.id]
    for dataset in store.datasets.values():
        for record in dataset.records.values():
            if quirks.keeps_orphans:
                for response in record.responses:
                    response.user_id = None if response.user_id == user.id else response.user_id
            else:
                record.responses = [r for r in record.responses if r.user_id != user.id]


def workspaces_of(store: Store, user: User) -> list[Workspace]:
    return [w for w in store.workspaces.values() if user.role == "owner" or user.id in w.members]


def _v0(call: Call, user: User) -> dict[str, Any]:
    own = workspaces_of(call.store, user)
    if user.role == "owner" and user is not call.user:
        own = [w for w in own if user.id in w.members]
    return render.user_v0(user, own)


def _new_user(call: Call) -> User:
    call.owner_only()
    body, loc = as_object(call.body, ("body",)), ("body",)
    username = as_text(needed(body, "username", loc), ("body", "username"), low=1)
    if call.quirks.slug_usernames and not SLUG.match(username):
        raise errors.invalid(("body", "username"), f'string does not match regex "{SLUG.pattern}"')
    first_name = as_text(needed(body, "first_name", loc), ("body", "first_name"), low=1)
    as_text(needed(body, "password", loc), ("body", "password"), 8, 100)
    role = as_choice(body.get("role") or "annotator", ("body", "role"), ROLES)
    if call.store.user_named(username):
        if call.params.get("v0"):
            raise errors.coded(409, "EntityAlreadyExistsError", name=username, type="User")
        raise errors.conflict(f"User username `{username}` is not unique")
    return create_user(call.store, username, role, first_name, _chosen_id(call, body))


def _chosen_id(call: Call, body: dict[str, Any]) -> str | None:
    if call.quirks.chosen_ids and body.get("id") is not None:
        return as_uuid(body["id"], ("body", "id"))
    return None


def _user(call: Call) -> User:
    user_id = call.id("user_id")
    user = call.store.users.get(user_id)
    if user is None:
        raise errors.not_found("User", user_id)
    return user


def _workspace(call: Call) -> Workspace:
    workspace_id = call.id("workspace_id")
    workspace = call.store.workspaces.get(workspace_id)
    if workspace is None:
        raise errors.not_found("Workspace", workspace_id)
    return workspace


@route("GET", "/v1/me", v1)
def get_me(call: Call) -> Answer:
    return 200, render.user_v1(call.user)


@route("GET", "/me", v0)
def get_me_v0(call: Call) -> Answer:
    return 200, _v0(call, call.user)


@route("GET", "/v1/users", v1)
def list_users(call: Call) -> Answer:
    call.owner_only()
    return 200, {"items": [render.user_v1(user) for user in call.store.users.values()]}


@route("GET", "/users", v0)
def list_users_v0(call: Call) -> Answer:
    call.owner_only()
    return 200, [_v0(call, user) for user in call.store.users.values()]


@route("GET", "/v1/users/{user_id}", v1)
def get_user(call: Call) -> Answer:
    call.owner_only()
    return 200, render.user_v1(_user(call))


@route("POST", "/v1/users", v1)
def post_user(call: Call) -> Answer:
    return 201, render.user_v1(_new_user(call))


@route("POST", "/users", v0)
def post_user_v0(call: Call) -> Answer:
    call.params["v0"] = "yes"
    return 200, _v0(call, _new_user(call))


@route("DELETE", "/v1/users/{user_id}", v1)
def remove_user(call: Call) -> Answer:
    call.owner_only()
    user = _user(call)
    delete_user(call.store, call.quirks, user)
    return 200, render.user_v1(user)


@route("DELETE", "/users/{user_id}", v0)
def remove_user_v0(call: Call) -> Answer:
    call.owner_only()
    user = _user(call)
    shown = _v0(call, user)
    delete_user(call.store, call.quirks, user)
    return 200, shown


@route("GET", "/v1/users/{user_id}/workspaces")
def list_workspaces_of_user(call: Call) -> Answer:
    call.owner_only()
    return 200, {"items": [render.workspace(w) for w in workspaces_of(call.store, _user(call))]}


@route("GET", "/v1/me/workspaces")
def list_my_workspaces(call: Call) -> Answer:
    return 200, {"items": [render.workspace(w) for w in workspaces_of(call.store, call.user)]}


@route("GET", "/v1/workspaces/{workspace_id}")
def get_workspace(call: Call) -> Answer:
    if not call.member(call.id("workspace_id")):
        raise errors.forbidden()
    return 200, render.workspace(_workspace(call))


def _new_workspace(call: Call) -> dict[str, Any]:
    call.owner_only()
    body = as_object(call.body, ("body",))
    name = as_text(needed(body, "name", ("body",)), ("body", "name"), low=1)
    if call.store.workspace_named(name):
        if call.params.get("v0"):
            raise errors.coded(409, "EntityAlreadyExistsError", name=name, type="Workspace")
        raise errors.conflict(f"Workspace name `{name}` is not unique")
    return render.workspace(create_workspace(call.store, name, _chosen_id(call, body)))


@route("POST", "/v1/workspaces", v1)
def post_workspace(call: Call) -> Answer:
    return 201, _new_workspace(call)


@route("POST", "/workspaces", v0)
def post_workspace_v0(call: Call) -> Answer:
    call.params["v0"] = "yes"
    return 200, _new_workspace(call)


def _members(call: Call) -> list[User]:
    if not call.manager(call.id("workspace_id")):
        raise errors.forbidden()
    return [call.store.users[id_] for id_ in _workspace(call).members]


@route("GET", "/v1/workspaces/{workspace_id}/users", v1)
def list_members(call: Call) -> Answer:
    return 200, {"items": [render.user_v1(user) for user in _members(call)]}


@route("GET", "/workspaces/{workspace_id}/users", v0)
def list_members_v0(call: Call) -> Answer:
    return 200, [_v0(call, user) for user in _members(call)]


@route("POST", "/v1/workspaces/{workspace_id}/users", v1)
def post_member(call: Call) -> Answer:
    call.owner_only()
    workspace = _workspace(call)
    body = as_object(call.body, ("body",))
    user_id = as_uuid(needed(body, "user_id", ("body",)), ("body", "user_id"))
    user = call.store.users.get(user_id)
    if user is None:
        raise errors.unprocessable(f"User with id `{user_id}` not found")
    if user.id in workspace.members:
        raise errors.conflict(
            f"Workspace user with workspace_id `{workspace.id}` and user_id `{user.id}` is not unique"
        )
    workspace.members.append(user.id)
    return 201, render.user_v1(user)


@route("POST", "/workspaces/{workspace_id}/users/{user_id}", v0)
def post_member_v0(call: Call) -> Answer:
    call.owner_only()
    workspace, user = _workspace(call), _user(call)
    if user.id in workspace.members:
        raise errors.coded(409, "EntityAlreadyExistsError", name=user.id, type="User")
    workspace.members.append(user.id)
    return 200, _v0(call, user)


def _leave(call: Call) -> User:
    call.owner_only()
    workspace, user = _workspace(call), _user(call)
    if user.id not in workspace.members:
        raise errors.not_found("WorkspaceUser", user.id)
    workspace.members.remove(user.id)
    return user


@route("DELETE", "/v1/workspaces/{workspace_id}/users/{user_id}", v1)
def remove_member(call: Call) -> Answer:
    return 200, render.user_v1(_leave(call))


@route("DELETE", "/workspaces/{workspace_id}/users/{user_id}", v0)
def remove_member_v0(call: Call) -> Answer:
    return 200, _v0(call, _leave(call))
