/**
 * A dump that somebody brings, into a database of his.
 *
 * 1. Custom format only: a plain dump is a program for psql, whose own commands run programs on our machine. Nothing here ever runs
 *    psql, nor lets pg_restore write a script: it speaks to the server itself, as the database's owner, who may do nothing else there.
 * 2. All of it or nothing: one transaction.
 * 3. Owners, privileges, tablespaces, subscriptions, publications, security labels and the creation of databases are not taken from it.
 */
import { constants } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Secret } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { dumpRefused, importFailed } from "./errors.ts";
import type { Ground } from "./ground.ts";
import { runTool, toolPath } from "./programs.ts";

export type ImportDumpInput = {
  readonly id: DatabaseId;
  /** A file of ours, uploaded or fetched. */
  readonly file: string;
  readonly ownerPassword: Secret;
};

/** @throws NEB423 when it is no custom dump, NEB424 when the server refused something of it */
export async function importDump({ machinery }: Ground, { id, file, ownerPassword }: ImportDumpInput): Promise<void> {
  await mustBeCustom(file);
  await machinery.wake(id);
  const lent = await machinery.find(id);
  if (lent === undefined) throw importFailed(`there is no instance ${id}`);
  const { databaseName, ownerRole } = lent.manifest;
  const { args } = await machinery.address(id);
  const address = args.map((arg, i) => (args[i - 1] === "--username" ? ownerRole : arg));
  await machinery.closedSite(async (site) => {
    const passFile = join(site, "passwords");
    const escaped = ownerPassword.reveal().replaceAll("\\", "\\\\").replaceAll(":", "\\:");
    await writeFile(passFile, `*:*:*:*:${escaped}\n`, { mode: 0o600 });
    const untaken = ["owner", "privileges", "tablespaces", "subscriptions", "publications", "security-labels"];
    const how = ["--single-transaction", "--exit-on-error", ...untaken.map((name) => `--no-${name}`)];
    const to = ["--dbname", databaseName, "--format", "custom"];
    const restore = await toolPath(machinery.programs, "pg_restore");
    await runTool(restore, [...address, ...how, ...to, file], { fault: importFailed, passFile });
  });
}

async function mustBeCustom(file: string): Promise<void> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause) => {
    throw dumpRefused(`${file} cannot be read`, { cause });
  });
  try {
    if (!(await handle.stat()).isFile()) throw dumpRefused(`${file} is not a file`);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(11), 0, 11, 0);
    const head = buffer.subarray(0, bytesRead);
    // magic, version (3), sizes of integers and offsets (2), format: 1 is custom
    if (head.subarray(0, 5).toString("latin1") !== "PGDMP" || head[10] !== 1)
      throw dumpRefused(`${file} is not in pg_dump's custom format`);
  } finally {
    await handle.close();
  }
}
