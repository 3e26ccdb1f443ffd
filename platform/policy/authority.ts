import {
  defaultQuota,
  type FleetSpec,
  type Policies,
  type Provider,
  type Quota,
  type TenantSpec,
} from "../spec/index.ts";

declare const atBase: unique symbol;

/** Something read from the base commit. Only `authorityAtBase` makes it, so what the head claims does not compile here. */
export type AtBase<T> = T & { readonly [atBase]: true };
export type Granted = AtBase<Quota>;
export type Authority = AtBase<{
  /** The commit that it was read from. */
  readonly commit: string;
  readonly plan: string;
  readonly granted: Granted;
  readonly policies: Policies;
  readonly providers: readonly Provider[];
}>;

/**
 * What a change may use: plans, quotas, policies and providers as of the commit that the change is to be merged INTO.
 * Pass the evaluation of the base; a pull request that raises its own limits is held to the old ones until it is merged.
 */
export function authorityAtBase(base: {
  readonly baseCommit: string;
  readonly baseFleet: FleetSpec;
  /** null: a tenant that is new in this change; it gets the plan `standard`. A plan that the fleet lacks grants seed 002's. */
  readonly baseTenant: TenantSpec | null;
}): Authority {
  const plan = base.baseTenant?.plan ?? "standard";
  const granted = Object.hasOwn(base.baseFleet.quotas, plan) ? base.baseFleet.quotas[plan] : undefined;
  return {
    commit: base.baseCommit,
    plan,
    granted: granted ?? defaultQuota,
    policies: base.baseFleet.policies,
    providers: base.baseFleet.providers,
  } as unknown as Authority;
}
