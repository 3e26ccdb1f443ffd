import type { Observe } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  appendEvent,
  type Claim,
  ensureState,
  pruneHistory,
  readCheckpoint,
  removeDeadLocks,
  writeCheckpoint,
} from "../../platform/store/index.ts";
import { emptyCheckpoint, readFacts, withoutPending } from "./checkpoint.ts";

/**
 * Makes Pulumi's state fit to go on with, under a fence that was just given: it exists, no lock of an older fence stands in the
 * way, nothing is pending. Answers the salt of its secrets manager.
 */
export async function prepareState(sql: Sql, claim: Claim, observe: Observe): Promise<string | null> {
  const { stack, fence, operation } = claim;
  await ensureState(sql, stack.split(".")[0] ?? "");
  await clearLocks(sql, claim, fence, `fence older than ${fence}`, observe);
  const found = await readCheckpoint(sql, stack);
  if (found === undefined) {
    await writeCheckpoint(sql, stack, fence, emptyCheckpoint(stack));
    return null;
  }
  await pruneHistory(sql, stack, fence);
  const { salt, pending } = readFacts(found);
  if (pending.length > 0) {
    await writeCheckpoint(sql, stack, fence, withoutPending(found));
    await appendEvent(sql, operation.id, {
      level: "warn",
      phase: "recover",
      message: `repaired what a killed run left open: ${pending.join(", ")}`,
      data: { pending },
      fence,
    });
  }
  return salt;
}

/** Removes locks of owners proved dead, and says of each whose it was and what the proof is. */
export async function clearLocks(
  sql: Sql,
  { stack, fence, operation }: Claim,
  below: number,
  proof: string,
  observe: Observe,
): Promise<void> {
  for (const { owner } of await removeDeadLocks(sql, { stack, fence }, below)) {
    observe({ kind: "lock.removed", stack, owner, proof });
    await appendEvent(sql, operation.id, {
      level: "warn",
      phase: "recover",
      message: "removed a lock whose owner is dead",
      data: { owner, proof },
      fence,
    });
  }
}
