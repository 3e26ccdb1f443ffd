import type { TenantSpec } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { type LinkedIdentity, listFleets, listLinkedIdentities } from "../store/index.ts";
import type { Grant } from "./principal.ts";

/**
 * What a person may do: what the tenant.ts files in force say of him, and nothing else.
 *
 * 1. A member is named by an e-mail address, or as `<subject>@<provider>` (`583231@github`): the provider's unchanging id, for
 *    a login can be given up and taken by somebody else.
 * 2. An e-mail address counts once it is verified. Until then anybody could have written it down.
 * 3. Addresses are one whatever their case; a provider's ids are compared exactly, for `aB` and `ab` may be two people there.
 */
export type MemberUser = {
  readonly id: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly platformAdmin: boolean;
};

export async function grantsOf(sql: Sql, user: MemberUser): Promise<readonly Grant[]> {
  const [fleets, identities] = await Promise.all([listFleets(sql), listLinkedIdentities(sql, user.id)]);
  const members = indexMembers(fleets.flatMap(({ tenants }) => tenants));
  return personGrants(members, user, identities);
}

/** By the name under which tenant.ts knows them: `keyOf`. */
export type Members = ReadonlyMap<string, readonly Grant[]>;

export function indexMembers(tenants: readonly TenantSpec[]): Members {
  const members = new Map<string, Grant[]>();
  for (const { tenant, members: listed } of tenants)
    for (const { user, role, projects } of listed) {
      const grants = members.get(keyOf(user)) ?? [];
      if (projects === null) grants.push({ role, tenant, project: null });
      else grants.push(...projects.map((project) => ({ role, tenant, project })));
      members.set(keyOf(user), grants);
    }
  return members;
}

const keyOf = (name: string): string => (/@(?:github|forge|oidc:.+)$/.test(name) ? name : name.toLowerCase());

export function personGrants(
  members: Members,
  user: MemberUser,
  identities: readonly LinkedIdentity[],
): readonly Grant[] {
  const names = [
    ...(user.email !== null && user.emailVerified ? [keyOf(user.email)] : []),
    ...identities.map(({ provider, subject }) => keyOf(`${subject}@${provider}`)),
  ];
  return [
    ...(user.platformAdmin ? [{ role: "platform-admin", tenant: null, project: null } as const] : []),
    ...[...new Set(names)].flatMap((name) => members.get(name) ?? []),
  ];
}
