import type { Found } from "./served.ts";
import type { Answer } from "./types.ts";

type More = {
  readonly details?: string | null;
  readonly hint?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What a client is told instead of an answer, in PostgREST's shape: its clients read `code`, `message`, `details` and `hint`. */
export function refuse(status: number, code: string, message: string, more: More = {}): Answer {
  const { details = null, hint = null, headers = {} } = more;
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body: Buffer.from(JSON.stringify({ code, message, details, hint })),
  };
}

/** The same whether there is no such database, it has no data API, or the address may not come: a stranger learns no names. */
export const nothingHere = (): Answer =>
  refuse(404, "PGRST125", "There is no data API here", {
    hint: "Declare api: {} in the database's file, and let your address in (allowFrom). The address is /<tenant>/<project>/<database>/rest/v1.",
  });

/** A branch that expired says so as the direct endpoint does: this address may come, and there was a data API. */
export const notServed = (found: Exclude<Found, { kind: "serves" }>): Answer =>
  found.kind === "expired"
    ? refuse(found.fault.status, "3D000", found.fault.message, { hint: found.fault.hint, details: found.fault.code })
    : nothingHere();

const challenge = (text: string) => ({ "www-authenticate": text });

export const anonymousRefused = (): Answer =>
  refuse(401, "PGRST302", "Anonymous access is disabled", {
    hint: 'Send an API key (apikey: ndb_...) or a token (Authorization: Bearer ...), or declare api: { anonymous: "anon" }.',
    headers: challenge("Bearer"),
  });

export const keyRefused = (): Answer =>
  refuse(401, "PGRST301", "This API key does not open this database", {
    hint: "It is mistyped, revoked or expired, belongs to another database, or lacks the scope data:read.",
    headers: challenge('Bearer error="invalid_token"'),
  });

export const tokenRefused = (why: string, details: string | null = null): Answer =>
  refuse(401, "PGRST301", why, { details, headers: challenge('Bearer error="invalid_token"') });

export const tokenExpired = (): Answer =>
  refuse(401, "PGRST303", "JWT expired", {
    headers: challenge('Bearer error="invalid_token", error_description="JWT expired"'),
  });

export const roleRefused = (role: string): Answer =>
  refuse(403, "42501", `permission denied to set role ${JSON.stringify(role)}`, {
    hint: "A token may name anon, authenticated, and the roles that the declaration lists in api.roles.",
  });

export const onlyReads = (): Answer =>
  refuse(403, "42501", "This API key may only read", {
    hint: "Make a key with the scope data:write as well; a function that only reads is called by GET.",
  });

export const tooLarge = (most: number): Answer =>
  refuse(413, "PGRST127", `The request's body is longer than ${most} bytes`, {
    hint: "Send less at once, or raise api.maxBody in the declaration (64Mi at most).",
    headers: { connection: "close" },
  });

export const encodedBody = (): Answer =>
  refuse(415, "PGRST107", "The request's body is compressed, which is not taken", { hint: "Send it as it is." });

type Unavailable = { readonly hint: string; readonly details: string; readonly retrySeconds?: number };

export const unavailable = (message: string, { hint, details, retrySeconds = 1 }: Unavailable): Answer =>
  refuse(503, "PGRST001", message, { hint, details, headers: { "retry-after": String(retrySeconds) } });

export const noConnection = (): Answer =>
  refuse(504, "PGRST003", "Timed out acquiring connection from connection pool", {
    hint: "The database is busy: ask for less at once, or give it more compute.",
    headers: { "retry-after": "1" },
  });
