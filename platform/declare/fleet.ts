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

/** A price of one unit; or steps, by what a tenant uses of it in a month: `[{ upTo: "100", price: "0.08" }, { price: "0.06" }]`. */
export type Price = Amount | readonly PriceStep[];
export type PriceStep = {
  /** Where the step before ends; may be left out. */
  readonly from?: Amount | undefined;
  /** In the unit that is priced. Left out in the last step alone. */
  readonly upTo?: Amount | undefined;
  readonly price: Amount;
};

export type UnitPriceOptions = {
  readonly computeUnitHour: Price;
  readonly storageGibMonth: Price;
  readonly backupGibMonth: Price;
  readonly egressGib: Price;
  readonly apiMillionRequests: Price;
};

/** Units of a tenant in a month that cost nothing: `{ computeUnitHour: "100" }`. */
export type IncludedOptions = { readonly [name in keyof UnitPriceOptions]?: Amount | undefined };

export type PlanPriceOptions = {
  /** A month; a part of a month is billed by its days. Default: nothing. */
  readonly fee?: Amount | undefined;
  /** What a month comes to at least, before credits and tax. Default: nothing. */
  readonly minimum?: Amount | undefined;
  readonly included?: IncludedOptions | undefined;
};

export type TenantPriceOptions = {
  /** Instead of the list's. */
  readonly prices?: Partial<UnitPriceOptions> | undefined;
  /** Instead of the plan's. */
  readonly included?: IncludedOptions | undefined;
  readonly fee?: Amount | undefined;
  readonly minimum?: Amount | undefined;
  /** Added to what is billed: `{ name: "VAT", percent: "19" }`. */
  readonly tax?: { readonly name: string; readonly percent: Amount } | undefined;
  /** Whom an invoice is made out to, and where it is sent. */
  readonly billTo?:
    | {
        readonly name: string;
        readonly address?: readonly string[] | undefined;
        readonly email?: string | undefined;
        readonly taxId?: string | undefined;
      }
    | undefined;
};

export type PriceVersionOptions = UnitPriceOptions & {
  /** Names this version of the prices on every rated line: never reuse one with other prices. */
  readonly id: string;
  /** The first month in force, as `"2026-07"`; only the first version does without. */
  readonly from?: string | undefined;
  /** The first month no more in force. Default: the next version's `from`. */
  readonly until?: string | undefined;
  /** What each plan of the quotas costs and grants. Default: plans cost nothing. */
  readonly plans?: Readonly<Record<string, PlanPriceOptions>> | undefined;
  /** What is particular to a tenant, by its name. */
  readonly tenants?: Readonly<Record<string, TenantPriceOptions>> | undefined;
  /** Who bills, as it stands on invoices. */
  readonly issuer?:
    | { readonly name: string; readonly address?: readonly string[] | undefined; readonly taxId?: string | undefined }
    | undefined;
  /** Days until an invoice is due. Default 14. */
  readonly dueDays?: number | undefined;
};

/** One version that is in force for ever, or several with their months. */
export type PriceOptions = {
  /** ISO 4217. */
  readonly currency: string;
} & (PriceVersionOptions | { readonly versions: readonly PriceVersionOptions[] });

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
