/**
 * A cluster out of a backup: the full one, with the incremental ones on top of it combined by pg_combinebackup. Every piece is
 * authenticated while it is unpacked.
 */
import { createWriteStream } from "node:fs";
import { chmod, lchown, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import pLimit from "p-limit";
import type { Machinery } from "../compute/index.ts";
import { NebulaError } from "../core/index.ts";
import { objectMissing, sealedDamaged } from "../objects/index.ts";
import type { Base, LineStore } from "./catalog.ts";
import { backupDamaged, foreignBackup, restoreFailed } from "./errors.ts";
import { runTool, toolPath } from "./programs.ts";
import { unsqueeze } from "./squeeze.ts";

/** What stands before a base: itself and what it is on top of, the full one first. @throws NEB416 when one is not there. */
export function chainOf(bases: readonly Base[], base: Base): readonly Base[] {
  if (base.parent === null) return [base];
  const parent = bases.find(({ label }) => label === base.parent);
  if (parent === undefined) throw backupDamaged(`${base.label} is on top of ${base.parent}, which is not there`);
  return [...chainOf(bases, parent), base];
}

/**
 * Puts the cluster of a backup there, as it was copied: not consistent before its log is replayed.
 * @throws NEB416 when a piece is missing or damaged, NEB417 when it is of another folder.
 */
export async function layOutChain(
  machinery: Machinery,
  line: LineStore,
  { chain, site, pgdata }: { readonly chain: readonly Base[]; readonly site: string; readonly pgdata: string },
): Promise<void> {
  const { programs } = machinery;
  const folders = chain.map(({ label }) => (chain.length === 1 ? pgdata : join(site, label)));
  const atOnce = pLimit(2);
  const unpacked = await Promise.allSettled(
    chain.map((base, i) => atOnce(() => unpack(machinery, line, base, folders[i] as string))),
  );
  for (const one of unpacked) if (one.status === "rejected") throw one.reason;
  if (chain.length > 1) {
    const combine = await toolPath(programs, "pg_combinebackup");
    const made = join(site, "combined");
    await mkdir(made, { mode: 0o700 });
    await give(programs, made);
    const args = ["--no-sync", "--link", "--output", made, ...folders];
    await runTool(combine, args, { fault: restoreFailed, as: programs.user });
    await rename(made, pgdata);
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }
  const found = await machinery.identityIn(pgdata);
  if (found !== line.identity)
    throw foreignBackup(`${line.nameOf("base")} holds the folder ${found}, which is not of this line`);
}

async function unpack({ programs }: Machinery, line: LineStore, base: Base, folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  await give(programs, folder);
  const as = programs.user;
  const whole = <T>(body: () => Promise<T>) => asDamage(base, body);
  await whole(async () => {
    const input = unsqueeze(await line.get(base.tar.key));
    await runTool("tar", ["-xf", "-", "-C", folder], { fault: restoreFailed, as, input });
  });
  await whole(async () => {
    const manifest = join(folder, "backup_manifest");
    await pipeline(unsqueeze(await line.get(base.manifest.key)), createWriteStream(manifest, { mode: 0o600 }));
    await give(programs, manifest);
  });
  await chmod(folder, 0o700);
}

async function give({ user }: Machinery["programs"], path: string): Promise<void> {
  if (user === null) return;
  await lchown(path, user.uid, user.gid);
}

/** What the store or the seal says of a piece, in the words of backups. */
async function asDamage<T>(base: Base, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    throw toDamage(base.label, thrown);
  }
}

const damages: readonly string[] = [objectMissing.definition.code, sealedDamaged.definition.code];

export function toDamage(what: string, thrown: unknown): unknown {
  const code = (thrown as { code?: unknown }).code;
  const unpacking = typeof code === "string" && /^(ZSTD_|Z_BUF_ERROR$|ERR_BUFFER_TOO_LARGE$)/.test(code);
  if (unpacking || (thrown instanceof NebulaError && damages.includes(thrown.code)))
    return backupDamaged(`${what}: ${(thrown as Error).message}`, { cause: thrown });
  return thrown;
}
