import { accountState, signInRefused } from "../../../platform/identity/index.ts";
import {
  countWaysIn,
  endSessions,
  findLiveSession,
  findUserByEmail,
  insertUser,
  type LinkedIdentity,
  linkIdentity,
  queueMail,
  type User,
  unlinkIdentity,
  useIdentity,
} from "../../../platform/store/index.ts";
import type { Person } from "../accounts.ts";
import type { Auth } from "../auth.ts";
import type { Client } from "../limiter.ts";
import { finishSignIn, maySignIn, type SignIn } from "../sign-in.ts";
import type { ForeignIdentity, Provider, Trust } from "./provider.ts";

/**
 * Whose account an identity elsewhere opens.
 *
 * 1. The one that it is linked to. An e-mail address alone opens nothing, whoever says that he verified it.
 * 2. Except: the operator trusts the provider for that address's domain. Then the identity is linked to the account of the address at
 *    its first use, if that account has proved its mailbox: one that did not may be somebody's who waits for its owner.
 * 3. A newcomer gets an account where the provider may vouch for the address; the address is what tenant.ts knows members by, so
 *    `createAccounts` is refused without a list of domains.
 * 4. One identity is one account's. It moves only by being unlinked.
 */
export type ForeignSignIn =
  | Extract<SignIn, { kind: "signed-in" | "second-factor" }>
  /** `user`: whose account it opens, were he let in. For the audit. */
  | { readonly kind: "refused"; readonly user: User | undefined }
  | { readonly kind: "not-linked" }
  | { readonly kind: "not-admitted" };

export async function signInAs(
  auth: Auth,
  provider: Provider,
  identity: ForeignIdentity,
  client: Client,
): Promise<ForeignSignIn> {
  const ending = await trySignIn(auth, provider, identity, client);
  const verdict = ending.kind === "signed-in" || ending.kind === "second-factor" ? ending.kind : "refused";
  auth.observe({ kind: "auth.sign_in", method: "provider", verdict });
  return ending;
}

async function trySignIn(auth: Auth, { trust }: Provider, identity: ForeignIdentity, client: Client) {
  if (!admits(trust, identity)) return { kind: "not-admitted" } as const;
  const user = (await useIdentity(auth.identity.sql, identity)) ?? (await welcome(auth, trust, identity));
  if (user === undefined) return { kind: "not-linked" } as const;
  if (!maySignIn(user)) return { kind: "refused", user } as const;
  return finishSignIn(auth, user, ["fed"], client);
}

/** The account of an identity that comes for the first time, where it may have one without anybody else's doing. */
async function welcome(auth: Auth, trust: Trust, identity: ForeignIdentity): Promise<User | undefined> {
  const { email, login } = identity;
  if (email === null) return undefined;
  const { sql } = auth.identity;
  const linked = await sql.tx(async (tx) => {
    const before = await findUserByEmail(tx, email);
    const user = before ?? (mayCreate(auth, trust) ? await insertUser(tx, newcomer(email, identity)) : undefined);
    if (user === undefined) return undefined;
    if (before !== undefined && !(isTrusted(trust, email) && maySignIn(before))) return undefined;
    if ((await linkIdentity(tx, user.id, identity)) !== user.id) return undefined;
    if (before !== undefined) await queueMail(tx, { kind: "way-in-added", email, params: { what: login ?? email } });
    return user;
  });
  // Somebody else was first, most likely the same person a moment ago.
  return linked ?? useIdentity(sql, identity);
}

const newcomer = (email: string, { name }: ForeignIdentity) => ({
  email,
  name: (name ?? email).slice(0, 100),
  passwordHash: null,
  platformAdmin: false,
  emailVerified: true,
});

const domainOf = (email: string): string => email.slice(email.lastIndexOf("@") + 1);

const admits = ({ emailDomains }: Trust, { email }: ForeignIdentity): boolean =>
  emailDomains === null || (email !== null && (emailDomains.includes("*") || emailDomains.includes(domainOf(email))));

const isTrusted = ({ trustedEmailDomains }: Trust, email: string): boolean =>
  trustedEmailDomains.includes(domainOf(email));

const mayCreate = ({ registration }: Auth, { createAccounts }: Trust): boolean =>
  createAccounts && registration !== "closed";

/**
 * Links an identity to the account of a signed-in person, who has shown to be its owner. Linking what is linked changes nothing.
 * @throws NEB672 when it is another account's, or the provider does not admit it
 */
export async function link(
  { identity: { sql } }: Auth,
  { user }: Pick<Person, "user">,
  { label, trust }: Provider,
  identity: ForeignIdentity,
): Promise<void> {
  if (!admits(trust, identity))
    throw accountState(`${label} is open here only for some e-mail domains, and not for yours`);
  await sql.tx(async (tx) => {
    if ((await linkIdentity(tx, user.id, identity)) !== user.id)
      throw accountState(`this identity at ${label} belongs to another account; unlink it there first`);
    if (user.email !== null)
      await queueMail(tx, { kind: "way-in-added", email: user.email, params: { what: identity.login ?? label } });
  });
}

/** The person of a link that was begun in a browser, if the session that began it is still alive. @throws NEB665 */
export async function ownerOf(
  { identity: { sql } }: Auth,
  { userId, sessionId }: { readonly userId: string; readonly sessionId: string },
): Promise<Person> {
  const live = await findLiveSession(sql, sessionId);
  if (live === undefined || live.user.id !== userId) throw signInRefused("the session that began this has ended");
  return { user: live.user, sessionId, begunAt: live.session.createdAt };
}

/** Takes a way in from the account, and ends the sessions that it may have opened: every one but this. @throws NEB672 */
export const unlink = (
  { identity: { sql } }: Auth,
  { user, sessionId }: Person,
  identity: LinkedIdentity,
): Promise<{ readonly ended: number }> =>
  sql.tx(async (tx) => {
    const ways = await countWaysIn(tx, user.id);
    if (!(await unlinkIdentity(tx, user.id, identity))) throw accountState("your account has no such identity");
    if (ways < 2)
      throw accountState("this is the only way in to your account; set a password first (`account forgot`)");
    return { ended: await endSessions(tx, user.id, "everywhere", sessionId) };
  });
