/** Tenants in force, people with verified addresses, and their keys: what a portal over a real ledger knows of who may do what. */
import { systemClock } from "../../platform/core/index.ts";
import { issueKey, makeDirectory, type NewKey } from "../../platform/identity/index.ts";
import type { MemberRole, TenantSpec } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { insertUser, type User } from "../../platform/store/index.ts";

type MemberOf = { readonly user: string; readonly role: MemberRole; readonly projects?: readonly string[] };

export const tenantOf = (tenant: string, members: readonly MemberOf[]): TenantSpec => ({
  tenant,
  displayName: tenant,
  plan: "standard",
  members: members.map(({ user, role, projects }) => ({ user, role, projects: projects ?? null })),
});

/** What the reconciler leaves in the ledger when it has read these tenant.ts files. */
export async function declareTenants(sql: Sql, tenants: readonly TenantSpec[]): Promise<void> {
  await sql.query(
    `insert into repositories (id, owner, name, api_url, git_url, hook_secret_sealed, bot_token_sealed)
     values ('repo_1', 'nebula', 'tenants', 'http://127.0.0.1:1/api/v3', 'http://127.0.0.1:1/nebula/tenants.git', 'x', 'x')
     on conflict (id) do nothing`,
  );
  await sql.query(
    `insert into fleets (repository, commit, inputs, fleet, tenants) values ('repo_1', 'c', 'x', '{"providers":[]}', $1::jsonb)
     on conflict (repository) do update set tenants = excluded.tenants`,
    [JSON.stringify(tenants)],
  );
}

export async function addPerson(sql: Sql, email: string, { emailVerified = true } = {}): Promise<User> {
  const user = await insertUser(sql, { email, name: email, passwordHash: null, platformAdmin: false, emailVerified });
  if (user === undefined) throw new Error(`${email} has an account`);
  return user;
}

/** A key of theirs, as they would make it in a session. */
export async function keyOf(sql: Sql, user: Pick<User, "id">, part: Partial<Omit<NewKey, "account">> = {}) {
  const account = await makeDirectory({ sql, clock: systemClock }).account(user.id);
  if (account === undefined) throw new Error("no such account");
  const { kind: _, id, ...known } = account;
  const session = { ...known, kind: "user", id: "ses_test", account: id, scopes: null, database: null } as const;
  const place = { tenant: null, project: null, database: null };
  const whole = { name: "test", role: null, scopes: null, expiresAt: null, ...place, ...part, account };
  const { text, row } = await issueKey(sql, session, undefined, whole, "test");
  return { text: text.reveal(), id: row.id };
}
