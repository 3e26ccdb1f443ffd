import type { SecretReference, Size } from "./options.ts";
import { type Place, placeOfCaller } from "./record.ts";

/** A recorded declaration that is no database: what it is, its options, and where it stands. */
export type Declared<Kind extends string, Options> = {
  readonly kind: Kind;
  readonly options: Options;
  readonly at: Place | null;
};

/** The frames of the vocabulary above the tenant's call: placeOfCaller, declared, project. */
const ownFrames = 3;

export function declared<Kind extends string, Options>(kind: Kind, options: Options): Declared<Kind, Options> {
  return { kind, options, at: placeOfCaller(ownFrames) };
}

/** What a project may use at the same time, summed over its databases. */
export type QuotaOptions = {
  /** Compute units, counted by each database's `compute.max`. */
  readonly cpu: number;
  /** Memory: 2 GiB for each compute unit. */
  readonly memory: Size;
  readonly storage: Size;
  readonly databases: number;
};

export type ProjectOptions = {
  /** Where the databases run. Default `"local"`: this machine. */
  readonly placement?: "local" | "kubernetes" | "aws" | undefined;
  /** Region of the placement, for example `"eu-central-1"`. Default `"local"`; needed on the others. */
  readonly region?: string | undefined;
  /** A limit of the project's own. It can only be less than what the tenant's plan grants. */
  readonly quota?: QuotaOptions | undefined;
  /** Databases of which every pull request that changes this project gets a branch for as long as it is open: `["orders"]`. */
  readonly previewBranches?: readonly string[] | undefined;
};

/**
 * A project: the unit that is deployed together. `tenants/<tenant>/<project>/project.ts` exports one; the folder names it.
 *
 * ```ts
 * export default project({ placement: "local" });
 * ```
 */
export function project(options: ProjectOptions = {}): Declared<"project", ProjectOptions> {
  return declared("project", options);
}

export type Member = {
  /** The name or e-mail address the user signs in with. */
  readonly user: string;
  readonly role: "domain-admin" | "project-admin" | "developer" | "viewer" | "billing-viewer";
  /** The projects the role holds in. Default: all of them. */
  readonly projects?: readonly string[] | undefined;
};

export type TenantOptions = {
  readonly displayName: string;
  /** A plan of `fleet/`. Default `"standard"`. */
  readonly plan?: string | undefined;
  readonly members?: readonly Member[] | undefined;
};

/**
 * A tenant: who belongs to it, and its plan. `tenants/<tenant>/tenant.ts` exports one; the folder names it. A change needs a
 * domain-admin's approval.
 */
export function tenant(options: TenantOptions): Declared<"tenant", TenantOptions> {
  return declared("tenant", options);
}

/** Refers to a secret that was stored for the tenant (never in Git): `password: secret("orders-password")`. */
export function secret(name: string): SecretReference {
  return { kind: "secret", name };
}
