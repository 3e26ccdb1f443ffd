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

/** What a month may cost, and what happens when it does. */
export type BudgetOptions = {
  /** Default: the whole tenant. */
  readonly project?: string | undefined;
  /** In the currency of the price book, before credits and tax: `"200"`. */
  readonly monthly: `${number}` | number;
  /** Percent at which somebody is told. Default `[50, 80, 100]`. */
  readonly alerts?: readonly number[] | undefined;
  /**
   * At 100 percent: `"tell"` tells somebody, `"suspend"` also pauses the databases until the month is over or the budget is raised.
   * Default `"tell"`.
   */
  readonly atCap?: "tell" | "suspend" | undefined;
};

type About = {
  /** Default: everything. */
  readonly about?: readonly ("budget" | "anomaly" | "invoice" | "payment" | "hold" | "advice" | "health")[] | undefined;
  /** Default: all projects. */
  readonly projects?: readonly string[] | undefined;
};

/** Somebody who is told: by mail, by a signed webhook, or in a channel of Slack or of what understands its webhooks. */
export type ChannelOptions = About &
  (
    | { readonly email: string }
    | { readonly webhook: string; readonly secret: SecretReference }
    | { readonly slack: SecretReference }
  );

export type TenantOptions = {
  readonly displayName: string;
  /** A plan of `fleet/`. Default `"standard"`. */
  readonly plan?: string | undefined;
  readonly members?: readonly Member[] | undefined;
  readonly budgets?: readonly BudgetOptions[] | undefined;
  /** Who is told of budgets, invoices, payments and whatever else concerns the tenant as a whole. */
  readonly notify?: readonly ChannelOptions[] | undefined;
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
