import type { Sql } from "../../platform/sql/index.ts";
import { enqueueOperation, forgetHeld, listToHold, listToRelease, noteHeld } from "../../platform/store/index.ts";

/** Who asks for these operations. */
const requestedBy = "billing";

export type Kept = { readonly paused: number; readonly resumed: number };

/**
 * Pauses what runs under a hold, and starts what holds paused and none is over any more, until that was done. What somebody started or
 * changed by hand in between is his: it is only forgotten. An operation and the note of it are written together.
 */
export async function keepHolds(sql: Sql, at: Date): Promise<Kept> {
  const toHold = await listToHold(sql);
  for (const { hold, ...held } of toHold)
    await sql.tx(async (tx) => {
      const operation = await enqueueOperation(tx, { ...named(held), type: "PAUSE", params: { hold }, requestedBy });
      await noteHeld(tx, { ...held, operation: operation.id, resuming: false, at });
    });
  const toRelease = await listToRelease(sql);
  for (const { isOver, ...held } of toRelease)
    await sql.tx(async (tx) => {
      if (isOver) return forgetHeld(tx, held.instance);
      const params = { reason: "hold lifted" };
      const operation = await enqueueOperation(tx, { ...named(held), type: "RESUME", params, requestedBy });
      await noteHeld(tx, { ...held, operation: operation.id, resuming: true, at });
    });
  return { paused: toHold.length, resumed: toRelease.filter(({ isOver }) => !isOver).length };
}

const named = ({ stack, database }: { readonly stack: string; readonly database: string }) => ({ stack, database });
