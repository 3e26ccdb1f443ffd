/**
 * Finds what is damaged or missing before it is needed.
 *
 * 1. `check` reads: the quick way what is there and how long it is, the deep way every byte, which the seal vouches for.
 * 2. `verify` restores the newest backup into a folder that is thrown away: Postgres's own checks of the files, a replay of the log,
 *    and the checksums of all pages.
 */
import { join } from "node:path";
import { asNebulaError } from "../core/index.ts";
import { sealedSize } from "../objects/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { type Base, drain, type Index, type LineStore, linesOf } from "./catalog.ts";
import { chainOf, layOutChain, toDamage } from "./chain.ts";
import { backupDamaged, noBackups } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { readPart } from "./log-feed.ts";
import { gapsIn, isSegment, numberOf, segmentAt } from "./log-names.ts";
import { runTool, toolPath } from "./programs.ts";
import { recover } from "./recover.ts";
import { lockedLine } from "./ship.ts";

export type Damage = { readonly piece: string; readonly problem: string };

/** Everything that is wrong with what is kept of a database; empty when all is well. */
export async function checkBackups(
  ground: Ground,
  id: DatabaseId,
  { deep }: { readonly deep: boolean },
): Promise<readonly Damage[]> {
  const lines = await linesOf(ground, id).catch((thrown) => asDamage(`${id}`, thrown));
  if (!isLines(lines)) return [lines];
  const found: Damage[] = [];
  for (const line of lines) found.push(...(await checkLine(line, deep)));
  return found;
}

const isLines = <T>(found: readonly T[] | Damage): found is readonly T[] => Array.isArray(found);

async function checkLine(line: LineStore, deep: boolean): Promise<readonly Damage[]> {
  const index = await line.readIndex().catch((thrown) => asDamage(line.nameOf("index.json"), thrown));
  if (index === undefined) return [{ piece: line.nameOf("index.json"), problem: "is missing" }];
  if ("problem" in index) return [index];
  const listed = await line.store.list(line.nameOf(""));
  const sizes = new Map(listed.map(({ key, sizeBytes }) => [key, sizeBytes]));
  const found = index.bases.flatMap((base) => checkPieces(line, index, { base, sizes }));
  found.push(...checkLog(line, index, sizes));
  if (!deep) return found;
  const broken = new Set(found.map(({ piece }) => piece));
  for (const { key, sizeBytes } of listed) {
    const part = key.slice(line.nameOf("").length);
    if (broken.has(key)) continue;
    const problem = await readWhole(line, part, sizeBytes).catch((thrown) => asDamage(key, thrown));
    if (problem !== undefined) found.push(problem);
  }
  return found;
}

type Pieces = { readonly base: Base; readonly sizes: ReadonlyMap<string, number> };

function checkPieces(line: LineStore, index: Index, { base, sizes }: Pieces): readonly Damage[] {
  const found: Damage[] = [];
  for (const { key, storedBytes } of [base.tar, base.manifest]) {
    const size = sizes.get(line.nameOf(key));
    if (size === undefined) found.push({ piece: line.nameOf(key), problem: "is missing" });
    else if (size !== storedBytes)
      found.push({ piece: line.nameOf(key), problem: `has ${size} bytes instead of ${storedBytes}` });
  }
  const record = line.nameOf(`base/${base.label}.json`);
  if (!sizes.has(record)) found.push({ piece: record, problem: "is missing" });
  try {
    chainOf(index.bases, base);
  } catch (thrown) {
    found.push(asDamage(record, thrown));
  }
  return found;
}

/** Without a gap from the first backup on, or, without point-in-time restore, through each backup. */
function checkLog(
  line: LineStore,
  { bases, last, pitr }: Index,
  sizes: ReadonlyMap<string, number>,
): readonly Damage[] {
  const names = [...sizes.keys()].map((key) => key.slice(line.nameOf("wal/").length)).filter(isSegment);
  const ranges = bases.map(({ timeline, startLsn, stopLsn }) => ({
    from: segmentAt(timeline, startLsn),
    to: pitr && last !== null ? last : segmentAt(timeline, stopLsn),
  }));
  const checked = pitr ? ranges.slice(0, 1) : ranges;
  return checked.flatMap(({ from, to }) =>
    gapsIn(names, numberOf(from), numberOf(to)).map((missing) => ({
      piece: line.nameOf("wal/"),
      problem: `lacks part ${missing} between ${from} and ${to}`,
    })),
  );
}

async function readWhole(line: LineStore, part: string, sizeBytes: number): Promise<Damage | undefined> {
  if (part.startsWith("wal/")) {
    await readPart(line, part.slice("wal/".length));
    return undefined;
  }
  const plain = await drain(await line.get(part));
  return sealedSize(plain) === sizeBytes
    ? undefined
    : { piece: line.nameOf(part), problem: `has ${sizeBytes} bytes, and holds ${plain}` };
}

function asDamage(piece: string, thrown: unknown): Damage {
  const fault = asNebulaError(toDamage(piece, thrown));
  if (fault.retry) throw thrown; // the store did not answer: that says nothing of what it holds
  return { piece, problem: fault.message };
}

/** @throws NEB416 with the first damage; NEB420 where there is nothing to verify */
export async function verifyBackups(ground: Ground, id: DatabaseId): Promise<Base> {
  const damages = await checkBackups(ground, id, { deep: true });
  const [first] = damages;
  if (first !== undefined)
    throw backupDamaged(`${first.piece}: ${first.problem}`, { fields: { damages: damages.slice(0, 20) } });
  const line = (await linesOf(ground, id)).at(-1);
  const index = await line?.readIndex();
  const base = index?.bases.at(-1);
  if (line === undefined || index === undefined || base === undefined) throw noBackups(`${id} has no backup yet`);
  await ground.machinery.site((site) => restoreOnTrial(ground, { line, index, base, site }));
  await lockedLine(ground, id, async () => {
    const now = await line.readIndex();
    const at = new Date(ground.machinery.now()).toISOString();
    if (now !== undefined) await line.writeIndex({ ...now, verified: { ...now.verified, [base.label]: at } });
  });
  return base;
}

type Trial = { readonly line: LineStore; readonly index: Index; readonly base: Base; readonly site: string };

async function restoreOnTrial(ground: Ground, { line, index, base, site }: Trial): Promise<void> {
  const { machinery } = ground;
  const programs = await machinery.programsFor(base.version);
  const pgdata = join(site, "pgdata");
  const options = { fault: backupDamaged, as: programs.user, background: true };
  await layOutChain(machinery, line, { chain: chainOf(index.bases, base), site, pgdata });
  await runTool(await toolPath(programs, "pg_verifybackup"), ["--no-parse-wal", "--quiet", pgdata], options);
  const target = { kind: "latest" } as const;
  await recover(ground, { line, index, base, target, site, pgdata }, (as) =>
    as(base.databaseName)((sql) => sql.query("select count(*) from pg_class")),
  );
  await runTool(await toolPath(programs, "pg_checksums"), ["--check", "--pgdata", pgdata], options);
}
