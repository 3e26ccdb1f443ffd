/**
 * The vocabulary that tenants import as `@nebuladb/platform`. Owns the names and types a declaration is written in; does not
 * own what they mean (spec) nor when they run (evaluate).
 *
 * 1. No Node APIs and no imports of other rooms at run time: the same text runs in Node and in the sandbox.
 * 2. Declaring has no effect: every call returns a plain recorded value, which the file exports as its default.
 */
export {
  type AnyDatabase,
  Branch,
  Bucket,
  Elasticsearch,
  MariaDB,
  MongoDB,
  MySQL,
  Postgres,
  Redis,
} from "./databases.ts";
export {
  type Amount,
  type IncludedOptions,
  type PlanPriceOptions,
  type PolicyOptions,
  type Price,
  type PriceOptions,
  type PriceStep,
  type PriceVersionOptions,
  type ProviderOptions,
  policies,
  prices,
  providers,
  quotas,
  type TenantPriceOptions,
  type UnitPriceOptions,
} from "./fleet.ts";
export type * from "./options.ts";
export type { Place } from "./record.ts";
export {
  type BudgetOptions,
  type ChannelOptions,
  type Declared,
  type Member,
  type ProjectOptions,
  project,
  type QuotaOptions,
  secret,
  type TenantOptions,
  tenant,
} from "./scopes.ts";
