/**
 * Who runs Postgres. Postgres refuses to run as root, so root lends it an unprivileged OS user; anybody else runs it as himself.
 *
 * 1. The user is `nebula`, made once; where users cannot be made, `postgres` or `nobody`.
 * 2. Whether that user can reach a folder is tried, never computed from modes.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { toolMissing } from "./errors.ts";

export type OsUser = { readonly name: string; readonly uid: number; readonly gid: number };

/** The user to drop to, or undefined when this process is not root. */
export function unprivilegedUser(): OsUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = findUser("nebula") ?? makeUser("nebula") ?? findUser("postgres") ?? findUser("nobody");
  if (user === undefined)
    throw toolMissing("Postgres does not run as root, and no OS user `nebula` could be made", {
      hint: "Make one with `useradd --system nebula`, or run nebula as an ordinary user.",
    });
  return user;
}

function findUser(name: string): OsUser | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  if (line === undefined) return undefined;
  const [, , uid, gid] = line.split(":");
  return { name, uid: Number(uid), gid: Number(gid) };
}

function makeUser(name: string): OsUser | undefined {
  const attempts: readonly (readonly [string, readonly string[]])[] = [
    ["useradd", ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]],
    ["adduser", ["-S", "-D", "-H", name]],
  ];
  for (const [program, args] of attempts) {
    spawnSync(program, args, { stdio: "ignore" });
    const made = findUser(name);
    if (made) return made;
  }
  return undefined;
}

/** Spawn options that drop to the user; empty for `undefined`. */
export const asUser = (user: OsUser | undefined) => (user ? { uid: user.uid, gid: user.gid } : {});

/** Whether the user can enter the folder. */
export function canEnter(folder: string, user: OsUser | undefined): boolean {
  const tried = spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", folder], { stdio: "ignore", cwd: "/", ...asUser(user) });
  return tried.status === 0;
}
