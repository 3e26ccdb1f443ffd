import type { ComputeDriver, InstanceWanted } from "../compute/index.ts";
import { type DatabaseId, databaseId } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  expiryOf,
  getInstance,
  holdFence,
  type Instance,
  isPast,
  recordBuried,
  recordEmptied,
  recordExpired,
  recordRemoved,
} from "../store/index.ts";
import type { DirectOptions, EffectScope } from "./direct.ts";
import type { DatabaseInputs, DatabaseOutputs } from "./effects.ts";
import { branchOverdue, branchUnavailable, databaseMissing, notABranch } from "./errors.ts";

/** Whose data a branch gets. */
export type BranchSource = {
  readonly source: DatabaseId;
  /** RFC 3339; null: as it is now. */
  readonly at: string | null;
};

/**
 * Makes the instance of a branch with its source's data: there afterwards, or not at all. Its roles' passwords and settings are what
 * `ensure` then makes of it.
 */
export type MakeBranch = (wanted: InstanceWanted, from: BranchSource) => Promise<void>;

/** How long the data of an expired branch is kept, in case its time is extended after all. */
export const expiredKeepSeconds = 86_400;
/** The final copy of a branch whose file is deleted: for a deletion that was a mistake. */
export const branchKeepSeconds = 86_400;

/** Whether what would be made has its time behind it already. */
export const isOver = (sql: Sql, known: Instance, { branch }: DatabaseInputs): Promise<boolean> => {
  const spec = branch === undefined ? known.spec : { ...known.spec, branch };
  const end = branch === undefined ? null : expiryOf({ ...known, spec });
  return end === null ? Promise.resolve(false) : isPast(sql, end);
};

/** The data of a branch that has none yet. What is there is left as it is: a branch goes its own way from its creation on. */
export async function furnishBranch(
  { driver, makeBranch }: Pick<DirectOptions, "driver" | "makeBranch">,
  wanted: InstanceWanted,
  { tenant, project, branch }: DatabaseInputs,
): Promise<void> {
  if (branch === undefined || (await driver.observe(wanted.id)) !== undefined) return;
  if (makeBranch === undefined) throw branchUnavailable(`${wanted.id}: this placement makes no branches`);
  await makeBranch(wanted, { source: databaseId(tenant, project, branch.of), at: branch.at });
}

/** What is done to a branch beside what is done to any database. Each runs under the stack's fence. */
export type BranchOperations = {
  /** Makes it anew of its parent; what was written in it is lost. */
  reset(id: DatabaseId): Promise<void>;
  /** Stops one whose time is over; a day later takes its data away. */
  expire(id: DatabaseId): Promise<void>;
  /** Makes the branch of a pull request, which stands in no file. */
  open(inputs: DatabaseInputs): Promise<void>;
  /** Takes the branch of a pull request away. */
  close(id: DatabaseId): Promise<void>;
};

type Ensure = (scope: EffectScope, inputs: DatabaseInputs) => Promise<DatabaseOutputs>;

export function makeBranchOperations(
  { sql, driver }: DirectOptions,
  ensure: Ensure,
  toInputs: (known: Instance) => DatabaseInputs,
) {
  const holding = <T>(scope: EffectScope, id: DatabaseId, body: (tx: Sql, known: Instance) => Promise<T>): Promise<T> =>
    sql.tx(async (tx) => {
      await holdFence(tx, scope.stack, scope.fence);
      const known = await getInstance(tx, id);
      if (known === undefined || known.stack !== scope.stack)
        throw databaseMissing(`${scope.stack} has no branch ${id}`);
      if (known.spec.branch === undefined) throw notABranch(`${id} is a database of its own`);
      return body(tx, known);
    });

  return (scope: EffectScope): BranchOperations => ({
    reset: async (id) => {
      const inputs = await holding(scope, id, async (tx, known) => {
        if (known.phase === "Removed" || known.phase === "Expired")
          throw branchOverdue(`${id} is ${known.phase === "Expired" ? "over" : "gone"}`);
        await putAside(driver, id);
        await recordEmptied(tx, id, scope.fence);
        return toInputs(known);
      });
      await ensure(scope, inputs);
      await driver.purge(id); // what was in it is kept until the new one is there, and no longer
    },
    expire: (id) =>
      holding(scope, id, async (tx, known) => {
        const end = expiryOf(known);
        if (end === null || !(await isPast(tx, end))) return; // it was extended meanwhile
        if (known.phase !== "Expired") {
          if ((await driver.observe(id)) !== undefined) await driver.retire(id);
          return recordExpired(tx, id, scope.fence);
        }
        const since = known.retiredAt ?? known.updatedAt;
        if (!(await isPast(tx, new Date(since.getTime() + expiredKeepSeconds * 1000)))) return;
        await clear(driver, id);
        await recordBuried(tx, id, scope.fence);
      }),
    open: async (inputs) => void (await ensure(scope, inputs)),
    close: (id) =>
      holding(scope, id, async (tx, known) => {
        if (known.spec.branch?.pull === undefined) throw notABranch(`${id} belongs to no pull request`);
        await clear(driver, id);
        await recordRemoved(tx, id, { fence: scope.fence, keepSeconds: 0 });
      }),
  });
}

async function putAside(driver: ComputeDriver, id: DatabaseId): Promise<void> {
  if ((await driver.observe(id)) !== undefined) await driver.retire(id);
  await driver.remove(id);
}

/** Nothing of it is left on the machine. */
async function clear(driver: ComputeDriver, id: DatabaseId): Promise<void> {
  await putAside(driver, id);
  await driver.purge(id);
}
