import type { Grant } from "../identity/index.ts";
import type { TenantSpec } from "../spec/index.ts";

/** What a person is, in every tenant whose `tenant.ts` names the e-mail address. */
export function memberGrants(tenants: readonly TenantSpec[], email: string): readonly Grant[] {
  const wanted = email.toLowerCase();
  return tenants.flatMap(({ tenant, members }) =>
    members
      .filter(({ user }) => user.toLowerCase() === wanted)
      .flatMap(({ role, projects }) => (projects ?? [null]).map((project): Grant => ({ role, tenant, project }))),
  );
}
