/**
 * An OS user for each server, where the machine allows it: a server that was broken into reads no other's files and reaches no
 * other's socket.
 *
 * 1. The owner of a data folder is who runs its server. Nothing else says so, so nothing can disagree with it.
 * 2. Users are numbers: nobody is in /etc/passwd, and none is given twice below one data folder while its first owner is there.
 * 3. Without root nobody can be given anything, and a container may not have these numbers: then all servers run as the one shared
 *    user (or as we do), and whoever has them told apart is told that they are not.
 * 4. Backups, restores and branches handle a tenant's data as a guest: neither a server nor the shared user.
 */
import { randomInt } from "node:crypto";
import { chmod, chown, lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { OsUser } from "./os-user.ts";
import type { Layout } from "./paths.ts";
import { runProgram } from "./programs.ts";

export type UserRange = { readonly first: number; readonly last: number };

/** Numbers that neither systemd nor the subordinate ids of users and containers have (systemd's list: "unused"). */
const range: UserRange = { first: 0x7000_0000, last: 0x7fff_fffe };

/** The numbers that servers may have here; null where there are none. */
export async function findServerUsers(): Promise<UserRange | null> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return null;
  const maps = await Promise.all(["uid_map", "gid_map"].map((name) => readFile(`/proc/self/${name}`, "utf8")));
  return maps.every((map) => mapHolds(map, range)) ? range : null;
}

/** Whether a user namespace has all of them: `inside outside count` a line. */
export const mapHolds = (map: string, { first, last }: UserRange): boolean =>
  map.split("\n").some((line) => {
    const [inside = Number.NaN, , count = 0] = line.trim().split(/\s+/).map(Number);
    return inside <= first && inside + count > last;
  });

const userOf = (uid: number, gid = uid): OsUser => ({ name: `user ${uid}`, uid, gid });

/** Somebody who is neither a server nor the shared user; whoever may reach what he may not is in its way. */
export const guestOf = ({ first }: UserRange): OsUser => userOf(first);

export const isServers = ({ uid }: OsUser, { first, last }: UserRange): boolean => uid > first && uid <= last;

/** Invariant 1; null where we run everything as ourselves. */
export async function ownerOf(pgdata: string): Promise<OsUser | null> {
  if (process.getuid?.() !== 0) return null;
  const { uid, gid } = await lstat(pgdata);
  return userOf(uid, gid);
}

type Ground = { readonly layout: Layout; readonly users: UserRange | null };

/** Gives a cluster that stands still a user that nobody else has, unless it has one. Who has it now. */
export async function giveOwnUser({ layout, users }: Ground, pgdata: string): Promise<OsUser | null> {
  const owner = await ownerOf(pgdata);
  if (users === null || owner === null || isServers(owner, users)) return owner;
  const fresh = await freshUser(layout, users);
  await giveTree(fresh, pgdata);
  return fresh;
}

/** The whole tree, its top last: cut short, it still belongs to whom it belonged to. No link is followed. */
export async function giveTree({ uid, gid }: OsUser, path: string): Promise<void> {
  await runProgram("chown", ["-hR", `${uid}:${gid}`, path], { user: null });
}

/** An instance's folder with a cluster in it: its server may pass through, and nobody else but us. */
export async function closeToOthers({ users }: Pick<Ground, "users">, folder: string): Promise<void> {
  const owner = await ownerOf(join(folder, "pgdata"));
  if (users === null || owner === null || !isServers(owner, users)) return;
  await chown(folder, 0, owner.gid);
  await chmod(folder, 0o710);
}

export async function freshUser(layout: Layout, { first, last }: UserRange): Promise<OsUser> {
  const taken = await uidsBelow(layout);
  for (;;) {
    const uid = first + 1 + randomInt(last - first);
    if (!taken.has(uid)) return userOf(uid);
  }
}

/** Of all clusters that are an instance's, or may become one. */
async function uidsBelow({ instances, spares }: Layout): Promise<ReadonlySet<number>> {
  const names = async (path: string) => readdir(path).catch(() => []);
  const shelves = (await names(spares)).map((version) => join(spares, version));
  const spare = (await Promise.all(shelves.map(async (at) => (await names(at)).map((name) => join(at, name))))).flat();
  const own = (await names(instances)).map((name) => join(instances, name, "pgdata"));
  const found = await Promise.all([...own, ...spare].map((path) => lstat(path).catch(() => undefined)));
  return new Set(found.flatMap((at) => at?.uid ?? []));
}
