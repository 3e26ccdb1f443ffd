import { route } from "../http/route.ts";

/** The root document, `/meta` and the rate limit. */
export const metaRoutes = [
  route("GET", "/", async ({ context: { urls } }) => ({ body: rootDocument((path) => urls.api(path)) })),
  route("GET", "/meta", async () => ({
    body: { verifiable_password_authentication: false, installed_version: "3.19.0" },
  })),
  route("GET", "/rate_limit", async ({ rateLimit, caller }) => {
    const core = rateLimit.read(caller.bucket);
    return { body: { resources: { core, search: core }, rate: core } };
  }),
];

function rootDocument(at: (path: string) => string) {
  return {
    current_user_url: at("/user"),
    current_user_authorizations_html_url: at("/settings/connections/applications{/client_id}"),
    authorizations_url: at("/authorizations"),
    code_search_url: at("/search/code?q={query}{&page,per_page,sort,order}"),
    commit_search_url: at("/search/commits?q={query}{&page,per_page,sort,order}"),
    emails_url: at("/user/emails"),
    emojis_url: at("/emojis"),
    events_url: at("/events"),
    feeds_url: at("/feeds"),
    followers_url: at("/user/followers"),
    following_url: at("/user/following{/target}"),
    gists_url: at("/gists{/gist_id}"),
    issue_search_url: at("/search/issues?q={query}{&page,per_page,sort,order}"),
    issues_url: at("/issues"),
    keys_url: at("/user/keys"),
    label_search_url: at("/search/labels?q={query}&repository_id={repository_id}{&page,per_page}"),
    notifications_url: at("/notifications"),
    organization_url: at("/orgs/{org}"),
    organization_repositories_url: at("/orgs/{org}/repos{?type,page,per_page,sort}"),
    organization_teams_url: at("/orgs/{org}/teams"),
    public_gists_url: at("/gists/public"),
    rate_limit_url: at("/rate_limit"),
    repository_url: at("/repos/{owner}/{repo}"),
    repository_search_url: at("/search/repositories?q={query}{&page,per_page,sort,order}"),
    current_user_repositories_url: at("/user/repos{?type,page,per_page,sort}"),
    starred_url: at("/user/starred{/owner}{/repo}"),
    starred_gists_url: at("/gists/starred"),
    user_url: at("/users/{user}"),
    user_organizations_url: at("/user/orgs"),
    user_repositories_url: at("/users/{user}/repos{?type,page,per_page,sort}"),
    user_search_url: at("/search/users?q={query}{&page,per_page,sort,order}"),
  };
}
