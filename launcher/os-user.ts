import { spawnSync } from "node:child_process";
import type { OsUser } from "../platform/compute/index.ts";

/** Spawn options that drop to the user; none for null, which means "as we are". */
export const asUser = (user: OsUser | null) => (user ? { uid: user.uid, gid: user.gid } : {});

/** Whether the user can enter the folder. Tried, not computed from modes: groups and access lists count too. */
export function canEnter(folder: string, user: OsUser | null): boolean {
  const tried = spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", folder], { stdio: "ignore", cwd: "/", ...asUser(user) });
  return tried.status === 0;
}
