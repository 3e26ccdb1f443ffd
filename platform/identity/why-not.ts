import type { NebulaError } from "../core/index.ts";
import { outOfReach, scopeMissing } from "./errors.ts";
import { covers, type Grant, gives, type Principal, reaches, rolesOf, type Target } from "./principal.ts";
import type { Scope } from "./roles.ts";

/**
 * Why somebody may not do something in a tenant where he may be told: what is the case, and what to do about it. A key that was
 * narrowed, a role that does not hold the right, a role that is of other projects and nobody's member are four different things.
 */
export function whyNot(principal: Principal, scope: Scope, target?: Target): NebulaError {
  if (target === undefined || reaches(principal, target)) return missing(principal, scope, target);
  return outside(principal, scope, target);
}

function missing(principal: Principal, scope: Scope, target: Target | undefined): NebulaError {
  const fields = { scope };
  const { grants, key } = principal;
  const behind = key?.grants ?? grants;
  if (behind.length === 0)
    return scopeMissing(
      `${principal.user} is a member of no tenant, so there is nothing to do here: it needs ${scope}`,
      {
        hint: "Ask a domain-admin of your tenant to make you a member (`nebula member add`). An address counts once it is verified.",
        fields,
      },
    );
  const isAbout = (grant: Grant) => target === undefined || covers(grant, target);
  if (behind.some((grant) => isAbout(grant) && gives(grant, scope)))
    return scopeMissing(`this key may not do this: it is narrowed to ${narrowedTo(principal)}, and it needs ${scope}`, {
      hint: `Ask with a key that holds ${scope} here, or signed in (\`nebula login\`): the key was made narrower than its owner is.`,
      fields,
    });
  const mine = rolesOf({ grants: behind.filter(isAbout) });
  return scopeMissing(`${mine} may not do this${target === undefined ? "" : " here"}: it needs ${scope}`, { fields });
}

function outside(principal: Principal, scope: Scope, target: Target): NebulaError {
  const { grants, key, kind } = principal;
  const fields = { scope };
  const asked = placeOf(target);
  const there = grants.filter(({ tenant }) => tenant === target.tenant);
  const mine = there.length > 0 ? there : grants;
  if (kind !== "user" && (key === undefined || key.grants.some((grant) => covers(grant, target))))
    return outOfReach(`this key reaches ${placesOf(principal, mine)} only, and ${asked} is outside of that`, {
      hint: "Ask with a key that reaches there, or signed in (`nebula login`); a domain-admin of the tenant reaches all of it.",
      fields,
    });
  const roles = rolesOf({ grants: mine });
  return outOfReach(`you are ${roles} of ${placesOf(principal, mine)} only, and ${asked} is outside of that`, {
    hint: `Ask a domain-admin of ${target.tenant ?? "the tenant"} for a role there: \`nebula member add\`.`,
    fields,
  });
}

function narrowedTo({ key, scopes, grants, database }: Principal): string {
  if (grants.length === 0) return "a place where its account holds nothing";
  const role = key?.role ?? null;
  if (role !== null) return `the role ${role}`;
  if (scopes !== null) return scopes.length === 0 ? "nothing" : scopes.join(", ");
  return placesOf({ database }, grants);
}

const placesOf = ({ database }: Pick<Principal, "database">, grants: readonly Grant[]): string =>
  [...new Set(grants.map((grant) => placeOf({ ...grant, database })))].join(", ");

const placeOf = ({ tenant, project, database = null }: Target): string =>
  tenant === null ? "the platform" : [tenant, project, database].filter((part) => part !== null).join("/");
