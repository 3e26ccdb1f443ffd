import { failpoint, type Observe } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  appendEvent,
  type Claim,
  ensureState,
  followsUnsettled,
  listInstances,
  pruneHistory,
  readCheckpoint,
  removeDeadLocks,
  writeCheckpoint,
} from "../../platform/store/index.ts";
import { emptyCheckpoint, readFacts, withoutManager, withoutPending } from "./checkpoint.ts";

export type Prepared = {
  /** Of the passphrase that the state needs; null nearly always. */
  readonly salt: string | null;
  /**
   * Somebody worked here and did not come to an end: Pulumi's state may be behind the machines, or they behind it. The machines are
   * asked before the deployment, and brought to what was deployed after it.
   */
  readonly doubtful: boolean;
};

/**
 * Makes Pulumi's state fit to go on with, under a fence that was just given: it exists, no lock of an older fence stands in the
 * way, nothing is pending.
 */
export async function prepareState(sql: Sql, claim: Claim, observe: Observe): Promise<Prepared> {
  const { stack, fence, operation } = claim;
  await ensureState(sql, stack.split(".")[0] ?? "");
  failpoint("deploy.state-made");
  await clearLocks(sql, claim, fence, `fence older than ${fence}`, observe);
  const found = await readCheckpoint(sql, stack);
  if (found === undefined) {
    await writeCheckpoint(sql, stack, fence, emptyCheckpoint(stack));
    return { salt: null, doubtful: false };
  }
  failpoint("deploy.locks-cleared");
  await pruneHistory(sql, stack, fence);
  const { salt, pending } = readFacts(found);
  const doubtful =
    pending.length > 0 || claim.takenOver || operation.attempt > 1 || (await followsUnsettled(sql, operation));
  const repaired = withoutManager(withoutPending(found));
  if (pending.length === 0 && repaired !== found) await writeCheckpoint(sql, stack, fence, repaired);
  if (pending.length > 0) {
    await writeCheckpoint(sql, stack, fence, repaired);
    failpoint("deploy.state-repaired");
    await appendEvent(sql, operation.id, {
      level: "warn",
      phase: "recover",
      message: `repaired what a killed run left open: ${(await existing(sql, stack, pending)).join(", ")}`,
      data: { pending },
      fence,
    });
  }
  return { salt, doubtful };
}

/** What really exists of what a killed run had begun: names are made from the declaration, so the ledger and the machine know them. */
async function existing(sql: Sql, stack: string, pending: readonly string[]): Promise<readonly string[]> {
  const phases = new Map((await listInstances(sql, { stack })).map(({ database, phase }) => [database, phase]));
  return pending.map((one) => `${one}: ${phases.get(one.split(" ").at(-1) ?? "") ?? "nothing was made"}`);
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
