import { type Permissions, permissionNames } from "../http/caller.ts";
import type { Account } from "../store/accounts.ts";
import type { App, Installation } from "../store/apps.ts";
import type { Urls } from "../urls.ts";
import { nodeId, timestamp } from "./values.ts";

export function simpleUser(urls: Urls, account: Account) {
  const at = (path: string) => urls.user(account, path);
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId(account.type, account.id),
    avatar_url: `${urls.base()}/avatars/u/${account.id}`,
    gravatar_id: "",
    url: at(""),
    html_url: `${urls.base()}/${encodeURIComponent(account.login)}`,
    followers_url: at("/followers"),
    following_url: at("/following{/other_user}"),
    gists_url: at("/gists{/gist_id}"),
    starred_url: at("/starred{/owner}{/repo}"),
    subscriptions_url: at("/subscriptions"),
    organizations_url: at("/orgs"),
    repos_url: at("/repos"),
    events_url: at("/events{/privacy}"),
    received_events_url: at("/received_events"),
    type: account.type,
    site_admin: false,
  };
}

export const simpleUserOrNull = (urls: Urls, account: Account | undefined) =>
  account === undefined ? null : simpleUser(urls, account);

export function fullUser(urls: Urls, account: Account, repositories: number) {
  return {
    ...simpleUser(urls, account),
    name: account.name,
    company: null,
    blog: "",
    location: null,
    email: account.email,
    hireable: null,
    bio: null,
    twitter_username: null,
    public_repos: repositories,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: timestamp(account.createdAt),
    updated_at: timestamp(account.updatedAt),
  };
}

export function organization(urls: Urls, account: Account) {
  const at = (path: string) => urls.api(`/orgs/${encodeURIComponent(account.login)}${path}`);
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId("Organization", account.id),
    url: at(""),
    repos_url: at("/repos"),
    events_url: at("/events"),
    hooks_url: at("/hooks"),
    issues_url: at("/issues"),
    members_url: at("/members{/member}"),
    public_members_url: at("/public_members{/member}"),
    avatar_url: `${urls.base()}/avatars/u/${account.id}`,
    description: null,
  };
}

export const permissionsToWire = (permissions: Permissions) =>
  Object.fromEntries(permissionNames.flatMap((name) => (permissions[name] ? [[name, permissions[name]]] : [])));

export function appToWire(urls: Urls, app: App, owner: Account) {
  return {
    id: app.id,
    slug: app.slug,
    client_id: `Iv1.${app.id.toString(16).padStart(16, "0")}`,
    node_id: nodeId("Integration", app.id),
    owner: simpleUser(urls, owner),
    name: app.name,
    description: "",
    external_url: urls.base(),
    html_url: `${urls.base()}/apps/${app.slug}`,
    created_at: timestamp(app.createdAt),
    updated_at: timestamp(app.updatedAt),
    permissions: permissionsToWire(app.permissions),
    events: app.events,
  };
}

export function installationToWire(urls: Urls, installation: Installation, app: App, account: Account) {
  return {
    id: installation.id,
    account: simpleUser(urls, account),
    repository_selection: "all",
    access_tokens_url: urls.api(`/app/installations/${installation.id}/access_tokens`),
    repositories_url: urls.api("/installation/repositories"),
    html_url: `${urls.base()}/organizations/${account.login}/settings/installations/${installation.id}`,
    app_id: app.id,
    app_slug: app.slug,
    target_id: account.id,
    target_type: account.type,
    permissions: permissionsToWire(app.permissions),
    events: app.events,
    created_at: timestamp(installation.createdAt),
    updated_at: timestamp(installation.createdAt),
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: null,
    suspended_at: null,
  };
}
