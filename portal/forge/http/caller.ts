import type { Account } from "../store/accounts.ts";
import type { App, Installation } from "../store/apps.ts";
import type { Repository } from "../store/repositories.ts";
import { forbidden, notFound, requiresAuthentication } from "./refusal.ts";

export const permissionNames = [
  "administration",
  "checks",
  "contents",
  "deployments",
  "issues",
  "metadata",
  "pull_requests",
  "repository_hooks",
  "statuses",
  "workflows",
] as const;
export type PermissionName = (typeof permissionNames)[number];
export type Level = "read" | "write";
export type Permissions = Readonly<Partial<Record<PermissionName, Level>>>;
export type Need = `${PermissionName}:${Level}`;

export type Grant = {
  readonly account: Account;
  /** Whose repositories the token reaches; null repositories are all of the owner's. */
  readonly owner: number;
  readonly repositories: readonly number[] | null;
  readonly permissions: Permissions;
  readonly app: App | null;
  readonly installation: number | null;
};

type Identity =
  | { readonly kind: "anonymous" }
  | ({ readonly kind: "user" | "installation" } & Grant)
  | { readonly kind: "app"; readonly app: App; readonly installations: readonly Installation[] };

/** Who asks, and what they may. */
export class Caller {
  readonly identity: Identity;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  /** Names the bucket of the rate limit. */
  get bucket(): string {
    const { identity } = this;
    if (identity.kind === "anonymous") return "anonymous";
    return identity.kind === "app" ? `app:${identity.app.id}` : `account:${identity.account.id}`;
  }

  /** @throws 401 for anonymous callers and 403 for an app's own JWT, which acts for nobody. */
  account(): Account {
    return this.grant().account;
  }

  grant(): Grant {
    const { identity } = this;
    if (identity.kind === "user" || identity.kind === "installation") return identity;
    throw identity.kind === "anonymous" ? requiresAuthentication() : forbidden("This endpoint needs an installation.");
  }

  /** The app on whose behalf an installation token acts. */
  appId(): number | null {
    const { identity } = this;
    return identity.kind === "installation" ? (identity.app?.id ?? null) : null;
  }

  sees(repository: Repository): boolean {
    return !repository.private || this.#reaches(repository);
  }

  may(repository: Repository, need: Need): boolean {
    const [name, level] = need.split(":") as [PermissionName, Level];
    if (level === "read" && !repository.private && name !== "administration" && name !== "repository_hooks")
      return true;
    if (!this.#reaches(repository)) return false;
    const held = this.grant().permissions[name] ?? (name === "metadata" ? "read" : undefined);
    return held === "write" || held === level;
  }

  /** @throws 404 when the repository is not visible, 401 or 403 when it is but no need is met. */
  demand(repository: Repository, needs: readonly Need[]): void {
    if (!this.sees(repository)) throw notFound();
    if (needs.some((need) => this.may(repository, need))) return;
    if (this.identity.kind === "anonymous") throw requiresAuthentication();
    const who = this.identity.kind === "user" ? "personal access token" : "integration";
    throw forbidden(`Resource not accessible by ${who}`);
  }

  #reaches(repository: Repository): boolean {
    const { identity } = this;
    if (identity.kind === "anonymous" || identity.kind === "app") return false;
    if (identity.owner !== repository.owner.id) return false;
    return identity.repositories === null || identity.repositories.includes(repository.id);
  }
}

export const anonymous = new Caller({ kind: "anonymous" });
