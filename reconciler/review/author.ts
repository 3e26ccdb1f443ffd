import { indexMembers, type Principal, personGrants } from "../../platform/identity/index.ts";
import { type Author, personOf } from "../../platform/ownership/index.ts";
import type { TenantSpec } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  findProposal,
  findUser,
  findUserByIdentity,
  getSetting,
  listLinkedIdentities,
  type RepositoryRow,
  type User,
} from "../../platform/store/index.ts";

/** Whose change it is, as far as the pull request says it. */
export type Opened = {
  readonly repository: RepositoryRow;
  readonly head: string;
  /** At the Git host: who opened the pull request. */
  readonly login: string;
  readonly accountId: number | null;
};

/**
 * Who asks for a change.
 *
 * 1. A commit that the portal wrote belongs to the user for whom it was written. A head that somebody pushed over it does not: it
 *    is the Git host's account that counts then, and the portal's bot is nobody.
 * 2. An account of the Git host counts as the user who linked it, and as nobody else, whatever name or e-mail it carries.
 * 3. What a person may do is what the BASE says (`tenants`): a pull request cannot make its own author a member.
 */
export async function readAuthor(sql: Sql, opened: Opened, tenants: readonly TenantSpec[]): Promise<Author> {
  const { repository, head, login } = opened;
  const proposal = await findProposal<Principal>(sql, repository.id, head);
  if (proposal !== undefined) return ofProposal(sql, proposal.principal, tenants);
  if (await isLocalAdministrator(sql, opened))
    return personOf(login, [{ role: "platform-admin", tenant: null, project: null }]);
  const { accountId } = opened;
  const user =
    accountId === null ? undefined : await findUserByIdentity(sql, providerOf(repository), String(accountId));
  if (user !== undefined) return ofUser(sql, user, tenants);
  const why = `${login} of the Git host is linked to no user of this platform, or pushed over what the portal wrote`;
  return { kind: "unknown", name: login, why };
}

/** A person is what the base says. A service account is what it was given; a person's key no more than the person. */
async function ofProposal(sql: Sql, principal: Principal, tenants: readonly TenantSpec[]): Promise<Author> {
  const { user: name, account, kind } = principal;
  if (account === undefined) return { kind: "known", name, principals: [principal] };
  const user = await findUser(sql, account);
  if (user === undefined || user.disabledAt !== null)
    return { kind: "unknown", name, why: `the account of ${name} is gone or disabled` };
  if (kind === "service") return { kind: "known", name, principals: [principal] };
  const person = await ofUser(sql, user, tenants);
  return kind === "user" ? person : { ...person, name, principals: [...person.principals, principal] };
}

async function ofUser(sql: Sql, user: User, tenants: readonly TenantSpec[]) {
  const identities = await listLinkedIdentities(sql, user.id);
  const member = { ...user, emailVerified: user.emailVerifiedAt !== null };
  return personOf(user.email ?? user.name, personGrants(indexMembers(tenants), member, identities));
}

/** Setting `forge.administrators`: logins by repository, written by the installation for its own embedded forge. */
export const administratorsSetting = "forge.administrators";

async function isLocalAdministrator(sql: Sql, { repository, login }: Opened): Promise<boolean> {
  const setting = await getSetting(sql, administratorsSetting);
  const logins = (setting as Readonly<Record<string, unknown>> | undefined)?.[repository.id];
  return Array.isArray(logins) && logins.includes(login);
}

/** The embedded forge and github.com number their accounts each for itself. */
const providerOf = ({ apiUrl }: RepositoryRow): "forge" | "github" =>
  ["127.0.0.1", "localhost", "[::1]"].includes(new URL(apiUrl).hostname) ? "forge" : "github";
