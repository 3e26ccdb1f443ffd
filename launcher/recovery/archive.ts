/**
 * Continuous backup of the ledger and the forge, for as long as the platform runs: the log as it is written, a base now and then,
 * the repositories each minute. Begins after the platform serves and costs its start nothing.
 *
 * 1. One supervisor a data folder, so one archive: nothing here is done twice.
 * 2. What is claimed as recoverable was seen in the archive: the receiver has written the log up to a position that was current at
 *    that moment, the mirrors were fetched after it, and there is a base.
 * 3. A failure here never disturbs the platform: it is reported, shown by `nebula status` and by a metric, and tried again.
 */
import { createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createGzip } from "node:zlib";
import { asNebulaError, type Observe, reportFault } from "../../platform/core/index.ts";
import type { LedgerAccess } from "./access.ts";
import { takeBackup } from "./backup.ts";
import { basesOf, eraFolder, erasIn, segmentsOf } from "./eras.ts";
import { keepKeys } from "./kept-keys.ts";
import { type Receiver, receiverName, startReceiver } from "./receiver.ts";
import { mirrorRepositories } from "./repositories.ts";
import { type ArchiveState, writeState } from "./state.ts";

export type ArchiveOptions = {
  readonly access: LedgerAccess;
  /** undefined: only the vault's keys are kept beside the ledger. */
  readonly backups: string | undefined;
  readonly observe: Observe;
  readonly times?: Partial<ArchiveTimes>;
};

export type ArchiveTimes = {
  readonly beginAfterMs: number;
  readonly everyMs: number;
  /** After the start; nothing can be recovered before. */
  readonly firstBaseAfterMs: number;
  readonly baseEveryMs: number;
  /** Mirrors, packing and syncing the archive's files. */
  readonly upkeepEveryMs: number;
  readonly keepMs: number;
};

const day = 86_400_000;
const usual: ArchiveTimes = {
  beginAfterMs: 2_000,
  everyMs: 10_000,
  firstBaseAfterMs: 120_000,
  baseEveryMs: day,
  upkeepEveryMs: 60_000,
  keepMs: 3 * day,
};

/** Shorter for tests and drills: NEBULA_BACKUP_TIMES, as JSON. */
export const timesFrom = (env: NodeJS.ProcessEnv): Partial<ArchiveTimes> =>
  env.NEBULA_BACKUP_TIMES ? (JSON.parse(env.NEBULA_BACKUP_TIMES) as Partial<ArchiveTimes>) : {};

export type Archive = {
  /** Called when the platform serves. */
  begin(): void;
  close(): Promise<void>;
};

type Position = { readonly at: number; readonly lsn: string };

export function makeArchive({ access, backups, observe, times }: ArchiveOptions): Archive {
  const { beginAfterMs, everyMs, firstBaseAfterMs, baseEveryMs, upkeepEveryMs, keepMs } = { ...usual, ...times };
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> = Promise.resolve();
  let receiver: Receiver | undefined;
  let era: string | undefined;
  let waiting: readonly Position[] = [];
  let [logAt, forgeAt, upkeepAt] = [0, 0, 0];
  let problem: string | undefined;
  let begunAt = 0;
  let reported = "";

  const folderNow = () => (backups === undefined || era === undefined ? undefined : eraFolder(backups, era));

  const attempt = async (what: string, body: () => Promise<unknown>): Promise<void> => {
    try {
      await body();
    } catch (thrown) {
      if (signal.aborted) return;
      problem = `${what}: ${asNebulaError(thrown).message}`;
      if (reported !== problem) reportFault(observe, `recovery.${what}`, thrown);
      reported = problem;
    }
  };

  const receive = async (root: string) => {
    const now = await access.owner((sql) =>
      sql.one<{ era: string }>(
        `select (select system_identifier from pg_control_system()) || '-' || (select timeline_id from pg_control_checkpoint())
           || '-' || (select coalesce(max(fence_floor), 0) from recoveries) as era`,
      ),
    );
    if (receiver?.isAlive() && era === now.era) return;
    await receiver?.stop();
    era = now.era;
    const wal = join(eraFolder(root, era), "wal");
    mkdirSync(wal, { recursive: true, mode: 0o700 });
    receiver = await startReceiver(access, wal);
  };

  /** How far the receiver has come, against where the ledger was at earlier looks. */
  const follow = async () => {
    const at = Date.now();
    const { lsn, written } = await access.owner((sql) =>
      sql.one<{ lsn: string; written: string | null }>(
        `select pg_current_wal_flush_lsn()::text as lsn,
           (select write_lsn::text from pg_stat_replication where application_name = $1 limit 1) as written`,
        [receiverName],
      ),
    );
    waiting = [...waiting, { at, lsn }].slice(-100);
    if (written === null) return;
    const there = waiting.filter((one) => toNumber(one.lsn) <= toNumber(written));
    logAt = there.at(-1)?.at ?? logAt;
    waiting = waiting.filter((one) => !there.includes(one));
  };

  const upkeep = async (root: string) => {
    const folder = folderNow();
    if (folder === undefined || Date.now() - upkeepAt < upkeepEveryMs) return;
    const at = Date.now();
    await mirrorRepositories(join(access.folder.root, "forge"), join(root, "forge"));
    forgeAt = at;
    for (const { file, whole } of segmentsOf(folder)) await (whole ? pack(file) : syncFile(file));
    upkeepAt = at;
  };

  const base = async (root: string) => {
    const folder = folderNow();
    if (folder === undefined) return;
    const newest = basesOf(folder).at(-1);
    const due = newest === undefined ? begunAt + firstBaseAfterMs : newest.endedAt.getTime() + baseEveryMs;
    if (Date.now() < due) return;
    const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
    for (const litter of litterOf(folder)) rmSync(litter, { recursive: true, force: true });
    await takeBackup(access, join(folder, "bases", stamp), { kind: "base", background: true });
    prune(root, folder, keepMs);
  };

  const look = async () => {
    problem = undefined;
    await attempt("keys", () => access.owner((owner) => keepKeys(access.folder, owner)));
    if (backups === undefined) return;
    await attempt("receive", () => receive(backups));
    await attempt("follow", follow);
    await attempt("mirror", () => upkeep(backups));
    await attempt("base", () => base(backups));
    await attempt("state", async () => writeState(backups, stateNow()));
    if (problem === undefined) reported = "";
  };

  const stateNow = (): ArchiveState => {
    const folder = folderNow();
    const newest = folder === undefined ? undefined : basesOf(folder).at(-1);
    const recoverable = Math.min(logAt, forgeAt);
    return {
      era: era ?? null,
      baseAt: newest?.endedAt.toISOString() ?? null,
      recoverableAt: newest === undefined || recoverable === 0 ? null : new Date(recoverable).toISOString(),
      receiving: receiver?.isAlive() ?? false,
      problem: problem ?? null,
      writtenAt: new Date().toISOString(),
    };
  };

  const live = async () => {
    await pause(beginAfterMs, signal);
    begunAt = Date.now();
    while (!signal.aborted) {
      await look();
      await pause(everyMs, signal);
    }
  };

  return {
    begin() {
      running = live();
    },
    async close() {
      stopping.abort();
      await Promise.race([running, sleep(1_000)]); // a base that is being taken ends with the ledger
      if (receiver === undefined || backups === undefined) return;
      // What the mains wrote last is still on its way.
      for (let i = 0; i < 20 && receiver.isAlive(); i++) {
        await attempt("follow", follow);
        if (waiting.length === 0) break;
        await sleep(50);
      }
      await receiver.stop();
      await attempt("state", async () => writeState(backups, stateNow()));
    },
  };
}

const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => undefined);

const toNumber = (lsn: string): bigint => {
  const [high = "0", low = "0"] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
};

/** A finished segment is packed: it is zeros for the most part where little happens. */
async function pack(file: string): Promise<void> {
  if (file.endsWith(".gz")) return;
  const draft = `${file}.gz.tmp`;
  await pipeline(
    createReadStream(file),
    createGzip({ level: 1 }),
    createWriteStream(draft, { mode: 0o600, flush: true }),
  );
  renameSync(draft, `${file}.gz`);
  rmSync(file);
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, "r").catch(() => undefined); // it was finished and renamed in between
  await handle?.sync();
  await handle?.close();
}

function litterOf(folder: string): string[] {
  const bases = join(folder, "bases");
  return existsSync(bases)
    ? readdirSync(bases)
        .filter((name) => name.includes(".part-"))
        .map((name) => join(bases, name))
    : [];
}

/** Keeps what is needed to go back `keepMs`, and always the newest base with its log. Older lives go when they are older than that. */
export function prune(backups: string, current: string, keepMs: number, now = Date.now()): void {
  const bases = basesOf(current);
  const needed = bases.findLastIndex(({ endedAt }) => endedAt.getTime() <= now - keepMs);
  for (const { path } of bases.slice(0, Math.max(0, needed))) rmSync(path, { recursive: true, force: true });
  const first = bases[Math.max(0, needed)]?.startSegment;
  if (first !== undefined)
    for (const { name, file } of segmentsOf(current)) if (name < first) rmSync(file, { force: true });
  if (bases.length === 0) return;
  for (const era of erasIn(backups)) {
    const folder = eraFolder(backups, era);
    if (folder === current) continue;
    const last = basesOf(folder).at(-1)?.endedAt.getTime() ?? 0;
    if (last < now - keepMs) rmSync(folder, { recursive: true, force: true });
  }
}
