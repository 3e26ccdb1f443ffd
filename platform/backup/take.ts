/**
 * Base backups by pg_basebackup, checked by pg_verifybackup before they are stored.
 *
 * 1. What is taken lies in a folder that only we may enter, until it is stored and after that no more.
 * 2. An incremental backup names the backup it is on top of; one that cannot be had (its summaries have gone) becomes a full one.
 * 3. The log that it needs is shipped before the index names it: what the index names can be restored.
 */
import { createReadStream } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Lent } from "../compute/index.ts";
import { NebulaError, type Secret } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { type Base, emptyIndex, type LineStore, lineStore } from "./catalog.ts";
import { backupFailed, noBackups } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { runTool, toolPath } from "./programs.ts";
import { describeLine, lockedBases, lockedLine, shipWal } from "./ship.ts";
import { squeeze, unsqueeze } from "./squeeze.ts";

export type TakeInput = {
  readonly kind: Base["kind"];
  readonly retentionSeconds: number;
  readonly pitr: boolean;
};

/** @throws NEB420 when the instance archives nothing, NEB418 when a program failed */
export const takeBackup = (ground: Ground, id: DatabaseId, input: TakeInput): Promise<Base> =>
  lockedBases(ground, id, () => takeNow(ground, id, input));

async function takeNow(ground: Ground, id: DatabaseId, input: TakeInput): Promise<Base> {
  const { machinery } = ground;
  await machinery.wake(id);
  const lent = await machinery.find(id);
  const identity = lent?.manifest.identity;
  if (lent === undefined || lent.spool === null || identity === undefined)
    throw noBackups(`${id} keeps no log, so nothing can be restored from a backup of it`);
  const line = lineStore(ground, id, identity);
  await describeLine(line, lent, machinery.now());
  const index = (await line.readIndex()) ?? emptyIndex;
  const parent = input.kind === "full" ? undefined : index.bases.at(-1);
  const base = await machinery.closedSite(async (site) => {
    if (parent === undefined) return takeInto(ground, line, { site, lent, parent });
    return takeInto(ground, line, { site, lent, parent }).catch((thrown) => {
      if (!(thrown instanceof NebulaError) || thrown.code !== backupFailed.definition.code) throw thrown;
      return takeInto(ground, line, { site, lent, parent: undefined });
    });
  });
  await shipWal(ground, id);
  await line.writeBase(base);
  await lockedLine(ground, id, async () => {
    const now = (await line.readIndex()) ?? emptyIndex;
    const { retentionSeconds, pitr } = input;
    await line.writeIndex({ ...now, retentionSeconds, pitr, bases: [...now.bases, base] });
  });
  return base;
}

type Taking = { readonly site: string; readonly lent: Lent; readonly parent: Base | undefined };

async function takeInto({ machinery }: Ground, line: LineStore, { site, lent, parent }: Taking): Promise<Base> {
  const kind = parent === undefined ? "full" : "incremental";
  const { programs } = machinery;
  const startedAt = new Date(machinery.now());
  const label = `${startedAt.toISOString().replaceAll(/[-:.]/g, "")}-${kind}`;
  const target = join(site, kind);
  await mkdir(target, { mode: 0o700 });
  const address = await machinery.address(lent.manifest.id);
  const passFile = await writePassFile(site, address.user, address.password);
  const options = { fault: backupFailed, background: true };
  const how = ["--format", "tar", "--wal-method", "none", "--checkpoint", "fast", "--no-sync", "--label", label];
  const on = parent === undefined ? [] : ["--incremental", await layManifest(line, parent, site)];
  const args = [...address.args, "--pgdata", target, ...how, ...on];
  await runTool(await toolPath(programs, "pg_basebackup"), args, { ...options, passFile });
  const endedAt = new Date(machinery.now());
  await runTool(await toolPath(programs, "pg_verifybackup"), ["--no-parse-wal", "--quiet", target], options);
  const { timeline, startLsn, stopLsn } = rangeIn(await readFile(join(target, "backup_manifest"), "utf8"));
  const { version, databaseName, ownerRole, managed } = lent.manifest;
  return {
    ...{ label, kind, parent: parent?.label ?? null, timeline, startLsn, stopLsn },
    ...{ startedAt: startedAt.toISOString(), endedAt: endedAt.toISOString(), version, databaseName, ownerRole },
    managed: { roles: [...managed.roles], extensions: [...managed.extensions] },
    tar: await storePiece(line, `base/${label}.tar`, join(target, "base.tar")),
    manifest: await storePiece(line, `base/${label}.manifest`, join(target, "backup_manifest")),
  };
}

async function storePiece(line: LineStore, key: string, file: string): Promise<Base["tar"]> {
  const { size: plainBytes } = await stat(file);
  const squeezed = squeeze(createReadStream(file, { highWaterMark: 1024 * 1024 }));
  return { key, plainBytes, storedBytes: await line.put(key, squeezed) };
}

/** The parent's own manifest, which tells the server what has changed since. */
async function layManifest(line: LineStore, parent: Base, site: string): Promise<string> {
  const path = join(site, "parent.manifest");
  const parts: Buffer[] = [];
  for await (const part of unsqueeze(await line.get(parent.manifest.key))) parts.push(part);
  await writeFile(path, Buffer.concat(parts), { mode: 0o600 });
  return path;
}

async function writePassFile(site: string, user: string, password: Secret): Promise<string> {
  const path = join(site, "passwords");
  const escaped = password.reveal().replaceAll("\\", "\\\\").replaceAll(":", "\\:");
  await writeFile(path, `*:*:*:${user}:${escaped}\n`, { mode: 0o600 });
  return path;
}

const range = z.object({ Timeline: z.number(), "Start-LSN": z.string(), "End-LSN": z.string() });
const manifestSchema = z.object({
  "WAL-Ranges": z.tuple([range], range),
});

/** Where the log of a backup begins and ends, as Postgres's manifest says. */
function rangeIn(text: string): Pick<Base, "timeline" | "startLsn" | "stopLsn"> {
  const [first, ...rest] = manifestSchema.parse(JSON.parse(text))["WAL-Ranges"];
  const last = rest.at(-1) ?? first;
  return { timeline: last.Timeline, startLsn: first["Start-LSN"], stopLsn: last["End-LSN"] };
}
