/**
 * A cluster of one major version made into one of another, by `pg_upgrade`. What it is made of is a copy that is used up: its files are
 * linked, not copied once more.
 */
import { randomUUID } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Secret } from "../core/index.ts";
import { makeCluster } from "./cluster.ts";
import { adminRole } from "./conf.ts";
import { upgradeFailed } from "./errors.ts";
import { folderOf, type Layout, openFolder, socketDirOf } from "./paths.ts";
import { type Programs, runProgram } from "./programs.ts";
import { giveTree } from "./server-user.ts";

export type ConvertInput = {
  readonly layout: Layout;
  /** Run as the shared user: `pg_upgrade` wants one that has a name. */
  readonly from: Programs;
  readonly to: Programs;
  /** A folder of `building`'s. */
  readonly site: string;
  /** Stopped cleanly, and nobody's. */
  readonly old: string;
  /** Where the new one is to be. */
  readonly fresh: string;
  readonly adminPassword: Secret;
};

/** @throws NEB364 with what `pg_upgrade` complained about. */
export async function convertCluster({
  layout,
  from,
  to,
  site,
  old,
  fresh,
  adminPassword,
}: ConvertInput): Promise<void> {
  const work = join(site, `upgrade-${randomUUID()}`);
  const socketDir = socketDirOf(layout, work);
  const passFile = join(work, "passwords");
  await openFolder(layout.run);
  for (const folder of [work, socketDir]) await folderOf(to.user, folder);
  try {
    await makeCluster(to, join(work, "pgdata"), adminRole, adminPassword);
    await prepare(old);
    await prepare(join(work, "pgdata"));
    await writeFile(passFile, `*:*:*:${adminRole}:${escaped(adminPassword)}\n`, { mode: 0o600 });
    if (to.user !== null) await giveTree(to.user, old);
    if (to.user !== null) await giveTree(to.user, work);
    const args = [
      ...[
        "--old-bindir",
        from.bin,
        "--new-bindir",
        to.bin,
        "--old-datadir",
        old,
        "--new-datadir",
        join(work, "pgdata"),
      ],
      ...["--username", adminRole, "--socketdir", socketDir, "--link", "--no-sync"],
    ];
    const options = { user: to.user, cwd: work, environment: { PGPASSFILE: passFile } };
    for (const run of [[...args, "--check"], args])
      await runProgram(join(to.bin, "pg_upgrade"), run, options).catch(async (cause) => {
        throw upgradeFailed(await reasonOf(join(work, "pgdata"), cause), { cause });
      });
    await rm(join(work, "pgdata", "pg_upgrade_output.d"), { recursive: true, force: true });
    await runProgram("mv", [join(work, "pgdata"), fresh], { user: null });
  } finally {
    await rm(socketDir, { recursive: true, force: true });
    await rm(work, { recursive: true, force: true });
  }
}

/** Who may connect while it is converted, whatever the cluster's own file says: ours stands outside it. */
const prepare = (pgdata: string): Promise<void> =>
  writeFile(join(pgdata, "pg_hba.conf"), `local all ${adminRole} scram-sha-256\n`, { mode: 0o600 });

const escaped = (password: Secret): string => password.reveal().replaceAll("\\", "\\\\").replaceAll(":", "\\:");

/** What it printed last, and the lists that it wrote of what stands in the way. */
async function reasonOf(pgdata: string, cause: unknown): Promise<string> {
  const folder = join(pgdata, "pg_upgrade_output.d");
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  const lists = await Promise.all(
    files.filter((name) => name.endsWith(".txt")).map((name) => readFile(join(folder, name), "utf8").catch(() => "")),
  );
  const said = cause instanceof Error ? cause.message : String(cause);
  return [said, ...lists.map((text) => text.trim().split("\n").slice(0, 10).join("; "))]
    .filter((text) => text !== "")
    .join("; ")
    .replaceAll(folder, "pg_upgrade_output.d");
}
