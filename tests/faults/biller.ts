/**
 * A biller to be killed: closes the months that it is given and tells a receiver of them, in several ledgers at once. The receiver lives
 * in the parent, because it survives us: what was sent to it was sent.
 *
 * Without the guard nobody asks the receiver whether it did a thing already, before it is asked again.
 */
import { type Consumer, closeMonth, pumpEvents } from "../../platform/billing/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { makePool } from "../../platform/sql/index.ts";

export type Biller = {
  readonly lanes: readonly { readonly url: string; readonly tenants: readonly string[] }[];
  readonly month: string;
  readonly nowMs: number;
  readonly guarded: boolean;
};
/** What the receiver is asked, and what it answers under the same `call`. */
export type Asked = {
  readonly call: number;
  readonly lane: number;
  readonly kind: "send" | "find";
  readonly id: string;
  readonly micros: number;
};
export type Answered = { readonly call: number; readonly receipt: string | null };

const { lanes, month, nowMs, guarded } = JSON.parse(process.argv[2] ?? "{}") as Biller;
const waiting = new Map<number, (receipt: string | null) => void>();
process.on("message", ({ call, receipt }: Answered) => waiting.get(call)?.(receipt));
process.on("disconnect", () => process.exit());

let calls = 0;
const ask = (asked: Omit<Asked, "call">): Promise<string | null> =>
  new Promise((resolve) => {
    const call = ++calls;
    waiting.set(call, resolve);
    process.send?.({ call, ...asked } satisfies Asked);
  });

async function bill(lane: number, url: string, tenants: readonly string[]): Promise<void> {
  const sql = makePool({ url: new Secret(url), max: 2, applicationName: "biller" });
  const micros = (data: Readonly<Record<string, unknown>>) => Number(data.totalMicros);
  const receiver: Consumer = {
    name: "receiver",
    kinds: ["invoice.finalized"],
    send: ({ id, data }) => ask({ lane, kind: "send", id, micros: micros(data) }),
    ...(guarded
      ? {
          find: async ({ id, data }) => {
            const receipt = await ask({ lane, kind: "find", id, micros: micros(data) });
            return receipt === null ? undefined : { receipt };
          },
        }
      : {}),
  };
  // What the last life left is finished first.
  await pumpEvents(sql, receiver, () => nowMs);
  for (const tenant of tenants) {
    await closeMonth(sql, { tenant, month, nowMs });
    await pumpEvents(sql, receiver, () => nowMs);
  }
  await sql.close();
}

await Promise.all(lanes.map(({ url, tenants }, lane) => bill(lane, url, tenants)));
process.disconnect?.();
