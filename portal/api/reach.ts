import type { NebulaError } from "../../platform/core/index.ts";
import {
  can,
  isInside,
  type Principal,
  reaches,
  reachOf,
  type Scope,
  type Target,
  whyNot,
} from "../../platform/identity/index.ts";
import type { Reach } from "../../platform/store/index.ts";
import { notFound, requestProblems } from "./errors.ts";

/**
 * The two ways to say no.
 *
 * 1. In a tenant where the principal has no business nothing exists: 404, with one body for what is there and what is not.
 * 2. In its own tenants it is told what is missing: 403, also for a project that does not exist.
 */
export function refusal(principal: Principal, scope: Scope, target: Target): NebulaError {
  const isTold = target.tenant === null ? reaches(principal, target) : isInside(principal, target.tenant);
  return isTold ? whyNot(principal, scope, target) : absent();
}

/** What an id that is unknown, or another tenant's, is told. It repeats nothing of what was asked. */
export const absent = (): NebulaError => notFound("there is nothing by that name here");

/** @throws NEB602, NEB662 or NEB673 when this is not the principal's to do. */
export function demand(principal: Principal, scope: Scope, target: Target): void {
  if (!can(principal, scope, target)) throw refusal(principal, scope, target);
}

/** The tenants in which the principal may be told "no": what is outside of them is looked up as if it were not there. */
export const ownTenants = ({ grants }: Principal): Reach =>
  grants.some(({ tenant }) => tenant === null)
    ? "everything"
    : [...new Set(grants.flatMap(({ tenant }) => (tenant === null ? [] : [tenant])))].map((tenant) => ({
        tenant,
        project: null,
        database: null,
      }));

type Asked = { readonly domain?: string | undefined; readonly project?: string | undefined };

/**
 * What a list may show: what was asked for, inside what the principal may see of it.
 * @throws NEB602, NEB662 or NEB673 when it asks for what is not the principal's.
 */
export function narrowTo(principal: Principal, scope: Scope, { domain, project }: Asked): Reach {
  const reach = reachOf(principal, scope);
  if (domain === undefined && project === undefined) return reach;
  if (reach === "everything") {
    if (domain !== undefined) return [{ tenant: domain, project: project ?? null, database: null }];
    throw requestProblems([{ path: "query.domain", message: "is required with query.project" }]);
  }
  const parts = reach
    .filter((part) => domain === undefined || part.tenant === domain)
    .filter((part) => project === undefined || part.project === null || part.project === project)
    .map((part) => ({ ...part, project: part.project ?? project ?? null }));
  if (parts.length === 0)
    throw domain === undefined ? absent() : refusal(principal, scope, { tenant: domain, project: project ?? null });
  return parts;
}
