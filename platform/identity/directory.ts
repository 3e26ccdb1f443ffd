import { LRUCache } from "lru-cache";
import type { Clock } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { findUser, getServiceAccount, listFleets, listLinkedIdentities, type User } from "../store/index.ts";
import { indexMembers, type Members, personGrants } from "./grants.ts";
import type { Grant } from "./principal.ts";
import { isRole } from "./roles.ts";

/**
 * Accounts and what they hold at this moment, remembered for seconds.
 *
 * 1. `forget` (the ledger's notification that a fleet, a user or a service account has changed) ends what is remembered at
 *    once, also what is being read at that moment. Without one nothing is believed longer than `knownForMs`.
 * 2. An account that is disabled or gone is none.
 */
export type Directory = {
  /** Of this user or service account. */
  account(id: string): Promise<Account | undefined>;
  /** Of somebody who has just been looked up. */
  accountOf(user: User): Promise<Account | undefined>;
  /** Whether a tenant.ts in force declares it. */
  declares(tenant: string): Promise<boolean>;
  forget(): void;
};

export type Account = {
  readonly id: string;
  readonly kind: "person" | "service";
  /** As audit and Git name it: an e-mail address, or `service:<tenant>/<name>`. */
  readonly user: string;
  readonly name: string;
  readonly grants: readonly Grant[];
};

/** The channel that says so. */
export const accessChanged = "nebula_access";

type Parts = { readonly sql: Sql; readonly clock: Clock; readonly knownForMs?: number };
type Declared = { readonly members: Members; readonly tenants: ReadonlySet<string> };

export function makeDirectory({ sql, clock, knownForMs = 2_000 }: Parts): Directory {
  const accounts = new LRUCache<string, { readonly account: Account; readonly untilMs: number }>({ max: 20_000 });
  let declared: { readonly value: Promise<Declared>; readonly untilMs: number } | undefined;
  let generation = 0;

  const readDeclared = (): Promise<Declared> => {
    if (declared !== undefined && declared.untilMs > clock.monotonicMs()) return declared.value;
    const value = loadDeclared();
    const entry = { value, untilMs: clock.monotonicMs() + knownForMs };
    declared = entry;
    value.catch(() => {
      if (declared === entry) declared = undefined;
    });
    return value;
  };

  const loadDeclared = async (): Promise<Declared> => {
    const tenants = (await listFleets(sql)).flatMap((fleet) => fleet.tenants);
    return { members: indexMembers(tenants), tenants: new Set(tenants.map(({ tenant }) => tenant)) };
  };

  const remember = async (id: string, load: () => Promise<Account | undefined>): Promise<Account | undefined> => {
    const known = accounts.get(id);
    if (known !== undefined && known.untilMs > clock.monotonicMs()) return known.account;
    const [before, untilMs] = [generation, clock.monotonicMs() + knownForMs];
    const account = await load();
    if (account !== undefined && before === generation) accounts.set(id, { account, untilMs });
    return account;
  };

  const load = async (user: User | undefined): Promise<Account | undefined> => {
    if (user === undefined || user.disabledAt !== null) return undefined;
    return user.kind === "service" ? loadService(user) : loadPerson(user);
  };

  const loadPerson = async (user: User): Promise<Account> => {
    const [{ members }, identities] = await Promise.all([readDeclared(), listLinkedIdentities(sql, user.id)]);
    const grants = personGrants(members, { ...user, emailVerified: user.emailVerifiedAt !== null }, identities);
    return { id: user.id, kind: "person", user: user.email ?? user.name, name: user.name, grants };
  };

  /** A tenant that is not declared any more has no accounts either. */
  const loadService = async ({ id, name }: User): Promise<Account | undefined> => {
    const [{ tenants }, found] = await Promise.all([readDeclared(), getServiceAccount(sql, id)]);
    if (found === undefined) return undefined;
    const { tenant } = found;
    const grants = found.grants.flatMap(({ role, project }) => (isRole(role) ? [{ role, tenant, project }] : []));
    const user = `service:${tenant}/${name}`;
    return { id, kind: "service", user, name, grants: tenants.has(tenant) ? grants : [] };
  };

  return {
    account: (id) => remember(id, async () => load(await findUser(sql, id))),
    accountOf: (user) => remember(user.id, () => load(user)),
    declares: async (tenant) => (await readDeclared()).tenants.has(tenant),
    forget() {
      generation++;
      accounts.clear();
      declared = undefined;
    },
  };
}
