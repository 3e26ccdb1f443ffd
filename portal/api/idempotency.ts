import { createHash } from "node:crypto";
import { canonicalJson } from "../../platform/spec/index.ts";
import { beginRequest, finishRequest, forgetRequest } from "../../platform/store/index.ts";
import { keyNotTaken, keyReused, keyRunning, requestProblems } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { type Answer, type AnyRoute, type Call, isChange } from "./route.ts";

/**
 * Runs a change once for each Idempotency-Key of a principal.
 *
 * 1. The same key with the same request gets the first one's answer, marked `Idempotency-Replayed: true`.
 * 2. The same key with another request is refused.
 * 3. Only a success is kept. A request that failed gives its key back, so that it can be tried again.
 * 4. What the first one did before it died is not done twice: a change that only touches the ledger (`atomic`) is one transaction
 *    with its kept answer; a pull request is found again by the name of its branch, which is derived from the key (`propose.ts`).
 */
export async function once(
  entry: AnyRoute,
  call: Call<unknown, unknown, unknown>,
  portal: Portal,
  run: (portal: Portal) => Promise<Answer>,
): Promise<Answer> {
  const { sql } = portal;
  const key = call.idempotencyKey;
  if (key === undefined || !isChange(entry)) return run(portal);
  if (entry.secret) throw keyNotTaken(`${entry.operationId} takes no Idempotency-Key`);
  if (!/^[\x21-\x7e]{1,200}$/.test(key))
    throw requestProblems([{ path: "header.Idempotency-Key", message: "must be 1 to 200 visible ASCII characters" }]);
  const principal = call.principal.id;
  const began = await beginRequest(sql, { principal, key, requestHash: hashOf(entry, call) });
  if (began.kind === "answered") return replay(began.answer);
  if (began.kind === "other") throw keyReused("this Idempotency-Key belongs to another request");
  if (began.kind === "running") throw keyRunning("a request with this Idempotency-Key has not ended yet");
  const perform = async (within: Portal): Promise<Answer> => {
    const answer = await run(within);
    if (!("write" in answer))
      await finishRequest(within.sql, principal, key, {
        status: answer.status,
        headers: answer.headers ?? {},
        body: answer.body ?? null,
      });
    return answer;
  };
  try {
    if (!entry.atomic) return await perform(portal);
    const { listen, close } = sql;
    return await sql.tx((tx) => perform({ ...portal, sql: { ...tx, listen, close } }));
  } catch (thrown) {
    await forgetRequest(sql, principal, key).catch(() => void forgetLater(portal, principal, key));
    throw thrown;
  }
}

/** Long before an abandoned key is taken over (platform/store/idempotency): nobody else has it meanwhile. */
const againAfterMs = [100, 400, 1500, 5000];

/** The ledger was lost in the middle: its key is given back as soon as it is there again, so that nobody waits for a dead request. */
async function forgetLater({ sql, clock, closing }: Portal, principal: string, key: string): Promise<void> {
  for (const ms of againAfterMs) {
    await clock.sleep(ms, closing);
    if (closing.aborted) return;
    const forgotten = await forgetRequest(sql, principal, key).then(
      () => true,
      () => false,
    );
    if (forgotten) return;
  }
}

type Stored = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: unknown };

const replay = ({ status, headers, body }: Stored) =>
  ({
    status,
    body: body ?? undefined,
    headers: { ...headers, "idempotency-replayed": "true" },
    trail: { details: { replayed: true } },
  }) as unknown as Answer;

function hashOf(entry: AnyRoute, { params, query, body, match }: Call<unknown, unknown, unknown>): string {
  const parts = {
    operation: entry.operationId,
    params: params ?? null,
    query: query ?? null,
    body: body ?? null,
    match,
  };
  return createHash("sha256")
    .update(canonicalJson(JSON.parse(JSON.stringify(parts))))
    .digest("hex");
}
