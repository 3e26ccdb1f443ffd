import { randomUUID } from "node:crypto";
import { chown, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Secret } from "../core/index.ts";
import { stopPostmaster } from "./postmaster.ts";
import { type Programs, runProgram } from "./programs.ts";
import { ownerOf } from "./server-user.ts";

/** Makes a cluster: UTF-8, the built-in C.UTF-8 collation (the same on every machine), checksums, SCRAM. Not yet synced. */
export async function makeCluster(
  programs: Programs,
  pgdata: string,
  superuser: string,
  password: Secret,
): Promise<void> {
  const passwordFile = join(dirname(pgdata), `.${randomUUID()}`);
  try {
    await writeFile(passwordFile, password.reveal(), { mode: 0o600, flag: "wx" });
    if (programs.user !== null) await chown(passwordFile, programs.user.uid, programs.user.gid);
    const args = [
      ["--pgdata", pgdata],
      ["--username", superuser],
      ["--pwfile", passwordFile],
      ["--auth", "scram-sha-256"],
      ["--encoding", "UTF8"],
      ...(Number(programs.major) >= 17 ? builtinLocale : [["--locale", "C.UTF-8"]]),
      ["--text-search-config", "english"],
    ].flat();
    await runProgram(join(programs.bin, "initdb"), [...args, "--data-checksums", "--no-sync"], programs);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Before 17 there is none: then it is the system's. */
const builtinLocale = [
  ["--locale", "C"],
  ["--locale-provider", "builtin"],
  ["--builtin-locale", "C.UTF-8"],
];

/** Copies a stopped cluster, sharing blocks where the file system can; owners and modes stay. */
export async function copyCluster(from: string, to: string, background: boolean): Promise<void> {
  const reflink = process.platform === "darwin" ? ["-c"] : ["--reflink=auto"];
  const copy = (extra: readonly string[]) =>
    runProgram("cp", [process.platform === "darwin" ? "-Rp" : "-a", ...extra, from, to], { user: null, background });
  try {
    await copy(reflink);
  } catch (thrown) {
    await rm(to, { recursive: true, force: true });
    if (isCoded(thrown)) throw thrown;
    await copy([]); // a cp that does not know the option
  }
}

const isCoded = (thrown: unknown) => thrown instanceof Error && "code" in thrown && thrown.code !== "NEB900";

/** Writes a cluster's files through to the disk, so that a power cut leaves none of them empty. */
export async function syncCluster(programs: Programs, pgdata: string, background = false): Promise<void> {
  await runProgram(join(programs.bin, "initdb"), ["--sync-only", "--pgdata", pgdata], {
    user: await ownerOf(pgdata),
    background,
  });
}

/**
 * Takes away a building site whose builder was killed. What the builder had started may still be at work there: a server is
 * stopped, a copying or an initdb finds its folder moved. So no site's name is ever used again.
 */
export async function clearSite(site: string): Promise<void> {
  for (const pgdata of [site, join(site, "pgdata")]) await stopPostmaster(pgdata, "immediate", site);
  await removeTree(site);
}

/** Deletes a folder, also while somebody still writes into it for a moment. */
export const removeTree = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 });
