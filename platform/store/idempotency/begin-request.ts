import type { Sql } from "../../sql/index.ts";

export type StoredAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
};

export type Beginning =
  /** Nobody used this key: do the work, then `finishRequest` or `forgetRequest`. */
  | { readonly kind: "fresh" }
  | { readonly kind: "answered"; readonly answer: StoredAnswer }
  /** The same request is being worked on right now. */
  | { readonly kind: "running" }
  /** The key was used for another request. */
  | { readonly kind: "other" };

/** A request that began this long ago and never finished died with its process: the next one takes its place. */
const abandonedAfterSeconds = 60;

/** Claims an idempotency key. One statement decides, so two requests with one key cannot both be fresh. */
export async function beginRequest(
  sql: Sql,
  { principal, key, requestHash }: { principal: string; key: string; requestHash: string },
): Promise<Beginning> {
  const claimed = await sql.query(
    `insert into idempotency_keys as k (principal, key, request_hash) values ($1, $2, $3)
     on conflict (principal, key) do update set created_at = now()
       where k.request_hash = excluded.request_hash and k.status is null
         and k.created_at < now() - make_interval(secs => $4)
     returning 1 as claimed`,
    [principal, key, requestHash, abandonedAfterSeconds],
  );
  if (claimed.length > 0) return { kind: "fresh" };
  const found = await sql.maybe<{
    hash: string;
    status: number | null;
    headers: StoredAnswer["headers"];
    body: unknown;
  }>(`select request_hash as hash, status, headers, body from idempotency_keys where principal = $1 and key = $2`, [
    principal,
    key,
  ]);
  if (found === undefined) return { kind: "running" };
  if (found.hash !== requestHash) return { kind: "other" };
  if (found.status === null) return { kind: "running" };
  return { kind: "answered", answer: { status: found.status, headers: found.headers, body: found.body } };
}
