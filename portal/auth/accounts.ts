import { beginSession, readEmailToken, type SessionTokens } from "../../platform/identity/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  type EmailTokenPurpose,
  endSessions,
  findUser,
  hasAdministrator,
  insertUser,
  queueMail,
  setPassword,
  spendEmailToken,
  type User,
} from "../../platform/store/index.ts";
import { type Auth, demandGoodPassword } from "./auth.ts";
import type { Client } from "./limiter.ts";

/**
 * How accounts come to be and are got back.
 *
 * 1. An account exists only after its mailbox was proved: a registration is a mail, and the password is chosen with the token
 *    in it. So nobody can sit on somebody else's address, and no password of a stranger is ever kept.
 * 2. Registration and reset answer the same at the same cost whether there is an account or not: the request only queues a
 *    mail job, and what the mail says is decided when it is written.
 * 3. A token is used up in the transaction that does what it is for.
 */
export type Asked = { readonly kind: "queued" } | { readonly kind: "limited"; readonly retryAfterSeconds: number };

export async function askForMail(
  auth: Auth,
  job: { readonly kind: "register" | "reset"; readonly email: string; readonly name?: string },
  client: Client,
): Promise<Asked> {
  const admission = await auth.limiter.mail(job.email, client);
  if (admission.kind === "limited") return admission;
  if (admission.kind === "admitted") {
    const params = job.name === undefined ? {} : { name: job.name };
    await queueMail(auth.identity.sql, { kind: job.kind, email: job.email, params });
  }
  return { kind: "queued" };
}

export type Invitation = {
  readonly email: string;
  readonly name: string | null;
  readonly platformAdmin: boolean;
  readonly invitedBy: string;
};

export const invite = ({ identity }: Auth, { email, ...params }: Invitation): Promise<void> =>
  queueMail(identity.sql, { kind: "invite", email, params });

export type Opened =
  | { readonly kind: "opened"; readonly user: User; readonly tokens: SessionTokens }
  | { readonly kind: "refused" }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number };

/** Makes the account of a registration or an invitation, and signs in. @throws NEB669 */
export async function openAccount(
  auth: Auth,
  given: { readonly token: string; readonly name: string | undefined; readonly password: string },
  client: Client,
): Promise<Opened> {
  return withToken(auth, { ...given, purposes: ["verify", "invite"] }, client, async (token) => {
    const { details } = token;
    demandGoodPassword(given.password, token.email);
    return {
      email: token.email,
      name: given.name ?? (typeof details.name === "string" ? details.name : (token.email ?? "")),
      platformAdmin: token.purpose === "invite" && details.platformAdmin === true,
    };
  });
}

/** Makes the first administrator's account, and signs in. @throws NEB669 */
export const setUp = (
  auth: Auth,
  given: { readonly token: string; readonly email: string; readonly name: string; readonly password: string },
  client: Client,
): Promise<Opened> =>
  withToken(auth, { ...given, purposes: ["first-admin"] }, client, async () => {
    demandGoodPassword(given.password, given.email);
    if (await hasAdministrator(auth.identity.sql)) return undefined;
    return { email: given.email, name: given.name, platformAdmin: true };
  });

type Token = NonNullable<Awaited<ReturnType<typeof readEmailToken>>>;
type Given = { readonly token: string; readonly password: string; readonly purposes: readonly EmailTokenPurpose[] };
type Account = Pick<User, "email" | "name" | "platformAdmin">;

async function withToken(
  auth: Auth,
  { token: text, password, purposes }: Given,
  client: Client,
  accountOf: (token: Token) => Promise<Account | undefined>,
): Promise<Opened> {
  const { identity } = auth;
  const admission = await auth.limiter.token(client);
  if (admission.kind === "limited") return admission;
  const token = await readEmailToken(identity.sql, text, purposes);
  if (token === undefined) return { kind: "refused" };
  const account = await accountOf(token);
  if (account === undefined) return { kind: "refused" };
  const passwordHash = await identity.passwords.hash(password);
  const user = await identity.sql.tx(async (tx) => {
    if (!(await spendEmailToken(tx, token.id))) return undefined;
    return insertUser(tx, { ...account, passwordHash, emailVerified: true });
  });
  if (user === undefined) return { kind: "refused" };
  await admission.succeeded();
  return { kind: "opened", user, tokens: await beginSession(identity, user, { ...client, amr: ["pwd"] }) };
}

export type Reset = { readonly kind: "reset"; readonly user: User } | Exclude<Opened, { kind: "opened" }>;

/** A new password, and every session ends. Nobody is signed in by it: the second factor still stands. @throws NEB669 */
export async function resetPassword(
  auth: Auth,
  given: { readonly token: string; readonly password: string },
  client: Client,
): Promise<Reset> {
  const { identity } = auth;
  const admission = await auth.limiter.token(client);
  if (admission.kind === "limited") return admission;
  const token = await readEmailToken(identity.sql, given.token, ["reset"]);
  const user = token?.userId == null ? undefined : await findUser(identity.sql, token.userId);
  if (token === undefined || user === undefined || user.disabledAt !== null) return { kind: "refused" };
  demandGoodPassword(given.password, user.email);
  const passwordHash = await identity.passwords.hash(given.password);
  const done = await identity.sql.tx(async (tx) => {
    if (!(await spendEmailToken(tx, token.id))) return false;
    await putPassword(tx, user, passwordHash, null);
    return true;
  });
  if (!done) return { kind: "refused" };
  await admission.succeeded();
  return { kind: "reset", user };
}

type Limited = Extract<Opened, { kind: "limited" }>;
export type Changed = { readonly kind: "changed" } | { readonly kind: "refused" } | Limited;

/** Who asks, in which session. */
export type Person = { readonly user: User; readonly sessionId: string; readonly begunAt: Date };

/** A new password for whoever knows the old one; every session but this one ends. @throws NEB669 */
export async function changePassword(
  auth: Auth,
  { user, sessionId, begunAt }: Person,
  given: { readonly current: string | undefined; readonly next: string },
  client: Client,
): Promise<Changed> {
  const proved = await proveOwner(auth, { user, sessionId, begunAt }, given.current, client);
  if (proved.kind !== "proved") return proved;
  demandGoodPassword(given.next, user.email, "newPassword");
  const passwordHash = await auth.identity.passwords.hash(given.next);
  await auth.identity.sql.tx((tx) => putPassword(tx, user, passwordHash, sessionId));
  return { kind: "changed" };
}

const freshForMs = 600_000;

/**
 * Whoever holds a session shows once more to be its owner, for what follows is not for somebody at an open screen: by the
 * password, or, where there is none, by having signed in within the last ten minutes.
 */
export async function proveOwner(
  { identity, limiter }: Auth,
  { user, begunAt }: Person,
  password: string | undefined,
  client: Client,
): Promise<{ readonly kind: "proved" } | { readonly kind: "refused" } | Limited> {
  if (user.passwordHash === null)
    return { kind: identity.clock.now() - begunAt.getTime() < freshForMs ? "proved" : "refused" };
  const admission = await limiter.password(user.email ?? user.id, client);
  if (admission.kind === "limited") return admission;
  const { right } = await identity.passwords.verify(user.passwordHash, password ?? "");
  if (!right) return { kind: "refused" };
  await admission.succeeded();
  return { kind: "proved" };
}

async function putPassword(tx: Sql, user: User, passwordHash: string, keep: string | null): Promise<void> {
  await setPassword(tx, user.id, passwordHash);
  await endSessions(tx, user.id, "password", keep);
  if (user.email !== null) await queueMail(tx, { kind: "password-changed", email: user.email });
}
