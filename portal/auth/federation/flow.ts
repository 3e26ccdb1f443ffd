import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { asNebulaError, type NebulaError, type Secret } from "../../../platform/core/index.ts";
import { attemptChallenge, issueChallenge, tooManyAttempts } from "../../../platform/identity/index.ts";
import { type Challenge, spendChallenge } from "../../../platform/store/index.ts";
import type { Person } from "../accounts.ts";
import type { Auth } from "../auth.ts";
import type { Client } from "../limiter.ts";
import { foreignSignInRefused, providerUnknown } from "./errors.ts";
import type { Binding, ForeignIdentity, Provider } from "./provider.ts";

/**
 * To a provider and back.
 *
 * 1. The browser that leaves gets a ticket in a cookie; state, nonce and PKCE verifier are derived from the ticket, of which the
 *    ledger keeps the hash. An answer is taken only from the browser that holds the ticket, only from the provider that it was
 *    sent to, and only once.
 * 2. A command cannot hold a cookie. It opens the browser with the hash of a secret of its own; the browser is sent on to the
 *    command's port on the same machine with a code, and the code is worth something only with that secret.
 * 3. A link made in a browser belongs to who began it there; one of a command, to who signs the request that redeems the code.
 *    So an address that somebody sends around links nothing to his account.
 */
export type Way =
  | { readonly kind: "browser"; readonly returnTo: string | null }
  | {
      readonly kind: "command";
      /** `http://127.0.0.1:<port>/callback` or the same on [::1]. */
      readonly loopback: string;
      readonly purpose: Purpose;
      /** Base64url of the SHA-256 of the command's secret. */
      readonly challenge: string;
      readonly state: string;
    };
export type Purpose = "sign-in" | "link";

export type Departure = { readonly url: URL; readonly ticket: Secret; readonly seconds: number };

const awaySeconds = 600;
const codeSeconds = 60;

/** @throws NEB635 */
export function findProvider({ providers }: Auth, name: string): Provider {
  const provider = providers.get(name);
  if (provider === undefined) throw providerUnknown(`there is no sign-in by "${name}" here`);
  return provider;
}

/** `owner`: whoever links the identity to the own account. @throws NEB636 */
export async function depart(auth: Auth, provider: Provider, way: Way, owner?: Person): Promise<Departure> {
  const ticket = await issueChallenge(auth.identity.sql, {
    kind: "provider",
    userId: owner?.user.id ?? null,
    details: { provider: provider.name, way, session: owner?.sessionId ?? null },
    lifetimeSeconds: awaySeconds,
  });
  return { url: await provider.authorize(bindingOf(ticket.reveal())), ticket, seconds: awaySeconds };
}

export type Arrival =
  | {
      readonly kind: "in-browser";
      readonly identity: ForeignIdentity;
      readonly returnTo: string | null;
      /** Who links it, in which session; undefined: somebody signs in. */
      readonly owner: { readonly userId: string; readonly sessionId: string } | undefined;
    }
  /** The browser goes on to the command; with what went wrong, if something did. */
  | { readonly kind: "for-command"; readonly url: URL; readonly error: NebulaError | undefined };

/** @throws NEB636, NEB637, NEB666 */
export async function arrive(
  auth: Auth,
  provider: Provider,
  given: { readonly query: URLSearchParams; readonly ticket: string | undefined },
  client: Client,
): Promise<Arrival> {
  const { sql } = auth.identity;
  const admission = await auth.limiter.token(client);
  if (admission.kind === "limited") throw tooMany(admission);
  const { ticket, query } = given;
  if (ticket === undefined)
    throw foreignSignInRefused(`this browser began no sign-in at ${new URL(auth.publicUrl).host}, or too long ago`);
  const binding = bindingOf(ticket);
  // Before the ticket is touched: a page elsewhere that sends the browser here does not use it up.
  if (!isSame(query.get("state") ?? "", binding.state)) throw foreignSignInRefused("the answer is for another sign-in");
  const challenge = await attemptChallenge(sql, ticket, "provider", 1);
  if (challenge === undefined || !(await spendChallenge(sql, challenge.id)))
    throw foreignSignInRefused("this sign-in took too long, or was finished before");
  const { way, owner } = readDeparture(challenge, provider);
  try {
    const identity = await provider.identify(query, binding);
    await admission.succeeded();
    if (way.kind === "browser") return { kind: "in-browser", identity, returnTo: way.returnTo, owner };
    const { purpose, challenge: hash } = way;
    const details = { identity, provider: provider.name, purpose, challenge: hash };
    const proof = { kind: "proof", userId: null, details, lifetimeSeconds: codeSeconds };
    const code = (await issueChallenge(sql, proof)).reveal();
    return { kind: "for-command", url: towards(way, { code }), error: undefined };
  } catch (thrown) {
    if (way.kind === "browser") throw thrown;
    const error = asNebulaError(thrown);
    return { kind: "for-command", url: towards(way, { error: error.code }), error };
  }
}

export type Redeemed = { readonly provider: Provider; readonly identity: ForeignIdentity };

/** What the code of a command stands for. It works once, wrong or right. @throws NEB637, NEB666 */
export async function redeem(
  auth: Auth,
  given: { readonly code: string; readonly verifier: string },
  purpose: Purpose,
  client: Client,
): Promise<Redeemed> {
  const { sql } = auth.identity;
  const admission = await auth.limiter.token(client);
  if (admission.kind === "limited") throw tooMany(admission);
  const challenge = await attemptChallenge(sql, given.code, "proof", 1);
  const details = challenge?.details as Record<string, unknown> | undefined;
  const hash = createHash("sha256").update(given.verifier).digest("base64url");
  const isRight = details?.purpose === purpose && isSame(String(details.challenge), hash);
  if (challenge === undefined || !isRight || !(await spendChallenge(sql, challenge.id)))
    throw foreignSignInRefused("this code opens nothing");
  await admission.succeeded();
  return {
    provider: findProvider(auth, String(details?.provider)),
    identity: details?.identity as ForeignIdentity,
  };
}

function readDeparture({ details, userId }: Challenge, provider: Provider) {
  if (details.provider !== provider.name) throw foreignSignInRefused("another provider was asked than answers");
  const owner = userId === null ? undefined : { userId, sessionId: String(details.session) };
  return { way: details.way as Way, owner };
}

function towards(way: Extract<Way, { kind: "command" }>, fields: Readonly<Record<string, string>>): URL {
  const url = new URL(way.loopback);
  for (const [name, value] of Object.entries({ ...fields, state: way.state })) url.searchParams.set(name, value);
  return url;
}

/** Three values that say nothing of each other, nor of the ticket. */
function bindingOf(ticket: string): Binding {
  const derive = (what: string) => createHmac("sha256", ticket).update(`nebula sign-in ${what}`).digest("base64url");
  return { state: derive("state"), nonce: derive("nonce"), verifier: derive("verifier") };
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const tooMany = ({ retryAfterSeconds }: { readonly retryAfterSeconds: number }) =>
  tooManyAttempts("too many attempts", { fields: { retryAfterSeconds } });
