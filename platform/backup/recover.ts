/**
 * A consistent cluster out of a laid out backup and the log after it: a server for a moment replays it to the target.
 *
 * 1. A time after the last commit of the log is reached by replaying all of it, and only where the index says that nothing more was
 *    committed until then; so is a place at its end.
 * 2. A log that ends before it should is refused: nothing that was committed before the target is ever missing.
 */
import { chown, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Asking } from "../compute/index.ts";
import { asNebulaError, NebulaError } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import type { Base, Index, LineStore } from "./catalog.ts";
import { logGap, restoreFailed } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { feedLog } from "./log-feed.ts";
import { isSegment, isSmallPart, numberOf, segmentAt } from "./log-names.ts";
import { lastNeeded, mustBeUnbroken, nameOf, recoverySettings, type Target } from "./target.ts";

export type RecoverInput = {
  readonly line: LineStore;
  readonly index: Index;
  readonly base: Base;
  readonly target: Target;
  readonly site: string;
  readonly pgdata: string;
};

const startTimeoutMs = 12 * 3_600_000;

/** Lends the recovered server, which is promoted and belongs to nobody; it is stopped cleanly afterwards. */
export async function recover<T>(
  ground: Ground,
  input: RecoverInput,
  body: (as: (database: string) => Asking) => Promise<T>,
): Promise<T> {
  const { line, index, base, target } = input;
  const names = (await line.listLog()).filter((name) => isSegment(name) || isSmallPart(name));
  const segments = names.filter(isSegment);
  const sure = lastNeeded(base, index, target);
  if (sure === null) throw logGap(`${line.id} has a backup and none of its log`);
  mustBeUnbroken(segments, base, sure);
  const newest = segments.at(-1) ?? sure;
  if (index.last !== null && newest < index.last)
    throw logGap(`the log of ${line.id} ends with ${newest}; ${index.last} was stored and is not there`);
  const from = segmentAt(base.timeline, base.startLsn);
  const end = target.kind === "backup" ? sure : newest;
  const needed = names.filter((name) => !isSegment(name) || (numberOf(name) >= numberOf(from) && name <= end));
  const run = (settings: Readonly<Record<string, string>>, isWhole: (as: Lend) => Promise<void>) =>
    replay(ground, input, { names: needed, settings }, async (as) => {
      await isWhole(as);
      return body(as);
    });
  if (target.kind === "latest") return run({}, (as) => mustHaveReached(as, newest));
  try {
    return await run(recoverySettings(target), async () => undefined);
  } catch (thrown) {
    const mayBeTheEnd = target.kind !== "backup" && isStartFault(thrown);
    if (!mayBeTheEnd) throw toRestoreFault(line.id, target, thrown);
    // the log holds nothing after the target
    mustBeUnbroken(segments, base, newest);
    return await run({}, (as) => mustHaveReached(as, newest)).catch((second) => {
      throw toRestoreFault(line.id, target, second);
    });
  }
}

type Lend = (database: string) => Asking;
type Replay = { readonly names: readonly string[]; readonly settings: Readonly<Record<string, string>> };

async function replay<T>(
  { machinery }: Ground,
  { line, base, site, pgdata }: RecoverInput,
  { names, settings }: Replay,
  body: (as: Lend) => Promise<T>,
): Promise<T> {
  const { programs } = machinery;
  await rm(join(pgdata, "standby.signal"), { force: true }); // of a source that was closed, because it was full
  const signal = join(pgdata, "recovery.signal");
  await writeFile(signal, "", { mode: 0o600 });
  if (programs.user !== null) await chown(signal, programs.user.uid, programs.user.gid);
  const feed = await feedLog(line, { names, site, programs });
  try {
    const recovery = { restore_command: feed.restoreCommand, recovery_target_timeline: "latest" };
    return await machinery.scratch(
      {
        ...{ site, pgdata, of: line.id as DatabaseId, version: base.version },
        settings: { ...recovery, ...settings },
        timeoutMs: startTimeoutMs,
      },
      body,
    );
  } catch (thrown) {
    throw feed.fault() ?? thrown;
  } finally {
    await feed.close();
    for (const name of ["recovery.signal", "backup_label.old", "tablespace_map.old", "backup_manifest"])
      await rm(join(pgdata, name), { force: true });
  }
}

/** Invariant 2: a promoted server goes on where its log ended. */
async function mustHaveReached(as: Lend, newest: string): Promise<void> {
  const { lsn } = await as("postgres")((sql) =>
    sql.one<{ lsn: string }>("select pg_current_wal_insert_lsn()::text as lsn"),
  );
  const reached = segmentAt(1, lsn);
  if (numberOf(reached) < numberOf(newest))
    throw logGap(`the log goes to ${newest}, and replaying it ended in part ${numberOf(reached)}`);
}

const isStartFault = (thrown: unknown): boolean => thrown instanceof NebulaError && thrown.code === "NEB345";

function toRestoreFault(id: string, target: Target, thrown: unknown): unknown {
  if (!isStartFault(thrown)) return thrown;
  return restoreFailed(`${id} could not be brought to ${nameOf(target)}: ${asNebulaError(thrown).message}`, {
    cause: thrown,
  });
}
