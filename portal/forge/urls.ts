import type { Account } from "./store/accounts.ts";
import type { Repository } from "./store/repositories.ts";

/** Every address that the forge hands out. The base may become known only when it listens. */
export type Urls = {
  base(): string;
  api(path?: string): string;
  user(account: Account, path?: string): string;
  repo(repository: Repository, path?: string): string;
  html(repository: Repository, path?: string): string;
  clone(repository: Repository): string;
};

export function makeUrls(base: () => string): Urls {
  const api = (path = "") => `${base()}/api/v3${path}`;
  const fullName = (repository: Repository) => `${repository.owner.login}/${repository.name}`;
  return {
    base,
    api,
    user: (account, path = "") => api(`/users/${encodeURIComponent(account.login)}${path}`),
    repo: (repository, path = "") => api(`/repos/${fullName(repository)}${path}`),
    html: (repository, path = "") => `${base()}/${fullName(repository)}${path}`,
    clone: (repository) => `${base()}/${fullName(repository)}.git`,
  };
}

/** A path or reference inside an address: its slashes stay. */
export const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");
