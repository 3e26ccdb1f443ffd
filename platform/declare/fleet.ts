import type { Duration } from "./options.ts";
import { type Declared, declared, type QuotaOptions } from "./scopes.ts";

/* What only platform administrators declare, in `tenants/fleet/`: one file of each kind. */

/** The plans and what each grants to one project, by name. */
export function quotas(
  plans: Readonly<Record<string, QuotaOptions>>,
): Declared<"quotas", Readonly<Record<string, QuotaOptions>>> {
  return declared("quotas", plans);
}

/** An amount of money, at most six decimals: `"0.12"`. */
export type Amount = `${number}` | number;

export type PriceOptions = {
  /** Names this version of the prices on every rated line: never reuse one with other prices. */
  readonly id: string;
  /** ISO 4217. */
  readonly currency: string;
  readonly computeUnitHour: Amount;
  readonly storageGibMonth: Amount;
  readonly backupGibMonth: Amount;
  readonly egressGib: Amount;
  readonly apiMillionRequests: Amount;
};

/** The price book: prices a pull request and an invoice alike. */
export function prices(book: PriceOptions): Declared<"prices", PriceOptions> {
  return declared("prices", book);
}

export type PolicyOptions = {
  /** Tags that every database must carry. */
  readonly requiredTags?: readonly string[] | undefined;
  /** Extensions a database may create. Default: none. */
  readonly allowedExtensions?: readonly string[] | undefined;
  readonly maxUnitsPerDatabase?: number | undefined;
  readonly minBackupRetention?: Duration | undefined;
  /** Whether `allowFrom` may hold the whole internet. Default false. */
  readonly allowPublicNetwork?: boolean | undefined;
  /**
   * What becomes of a commit that reached the default branch without a review that passed: `"stop"` keeps what runs until somebody
   * approves, `"deploy"` takes it. Default `"stop"`; `"deploy"` is for repositories that work without pull requests.
   */
  readonly unreviewed?: "stop" | "deploy" | undefined;
  /** How long a database stays retired before it may be deleted. Default "1h"; "0s" allows it at once. */
  readonly retireGrace?: Duration | undefined;
  /** How many databases one commit may delete before somebody approves: the larger of the two. Default 1 and 10 percent. */
  readonly prune?: { readonly databases?: number | undefined; readonly percent?: number | undefined } | undefined;
  /**
   * What becomes of a database that is found not as declared: `"report"` shows the difference and leaves it, `"heal"` also queues
   * the operation that brings it back. Default `"report"`.
   */
  readonly drift?: "heal" | "report" | undefined;
  /**
   * Which data APIs databases may have: `"any"`, `"signed-in"` (none that serves requests without a credential) or `"none"`. Default
   * `"any"`.
   */
  readonly dataApi?: "any" | "signed-in" | "none" | undefined;
};

/** Rules that every database of every tenant keeps. */
export function policies(rules: PolicyOptions): Declared<"policies", PolicyOptions> {
  return declared("policies", rules);
}

export type ProviderOptions = {
  readonly name: string;
  readonly placement: "local" | "kubernetes" | "aws";
  readonly region: string;
  readonly engines: readonly ("postgres" | "mysql" | "mariadb" | "mongodb" | "redis" | "elasticsearch")[];
};

/** Where databases can run: machines, clusters and accounts, with the engines each offers. */
export function providers(list: readonly ProviderOptions[]): Declared<"providers", readonly ProviderOptions[]> {
  return declared("providers", list);
}
