import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { folderUnreachable, osUserMissing } from "./errors.ts";

const run = promisify(execFile);

export type OsUser = { readonly name: string; readonly uid: number; readonly gid: number };

const preferred = "nebula";

/**
 * The user that Postgres runs as; null means "as we are", because we are not root.
 * As root: the asked one, else `nebula`, else `nebula` freshly made, else an existing `postgres` or `nobody`.
 * @throws NEB340 when there is none of them.
 */
export async function resolveOsUser(asked?: string): Promise<OsUser | null> {
  if (process.getuid?.() !== 0) return null;
  if (asked !== undefined) {
    const user = await lookUp(asked);
    if (user === undefined) throw osUserMissing(`there is no OS user ${asked}`);
    return user;
  }
  const user =
    (await lookUp(preferred)) ?? (await create(preferred)) ?? (await lookUp("postgres")) ?? (await lookUp("nobody"));
  if (user === undefined) throw osUserMissing("NebulaDB was started by root and could make no unprivileged user");
  return user;
}

async function lookUp(name: string): Promise<OsUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    const user = { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
    return user.uid > 0 && user.gid > 0 ? user : undefined;
  } catch {
    return undefined;
  }
}

async function create(name: string): Promise<OsUser | undefined> {
  const shell = "/usr/sbin/nologin";
  const attempts: readonly (readonly [string, readonly string[]])[] = [
    ["useradd", ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", shell, name]],
    ["adduser", ["-S", "-D", "-H", "-s", "/sbin/nologin", name]],
  ];
  for (const [program, args] of attempts) {
    await run(program, [...args]).catch(() => undefined); // lost race or missing program: the look-up decides
    const user = await lookUp(name);
    if (user !== undefined) return user;
  }
  return undefined;
}

/** @throws NEB342 naming the first folder on the way to `path` that the user may not enter. */
export async function mustReach(user: OsUser | null, path: string, what: string): Promise<void> {
  if (user === null) return;
  const ways: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    ways.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const folder of ways) {
    const found = await stat(folder).catch(() => undefined);
    if (found === undefined || !found.isDirectory()) continue;
    const bits = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001;
    if ((found.mode & bits) === 0)
      throw folderUnreachable(
        `Postgres runs as ${user.name}, who may not enter ${folder} on the way to ${what} ${path}`,
      );
  }
}
