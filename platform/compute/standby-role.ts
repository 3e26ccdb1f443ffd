import { randomBytes } from "node:crypto";
import { chown, rename, writeFile } from "node:fs/promises";
import { Secret } from "../core/index.ts";
import { makeVerifier, quoteLiteral } from "../sql/index.ts";
import { standbyRole } from "./conf.ts";
import type { Manifest } from "./manifest.ts";
import { openFolder, type Place } from "./paths.ts";
import type { Context } from "./running.ts";
import { ownerOf } from "./server-user.ts";
import { isThere, removeStandby, removeStandbys, standbysIn } from "./standby.ts";
import { standbysOf } from "./standby-place.ts";
import { asAdmin, type Door } from "./sync.ts";

/**
 * What standbys need of their primary: a role that reads its log, and the password of it where their servers find it. Made once; a
 * folder that came out of a backup has the role with another password, and gets it anew.
 */
export async function prepareReplication(
  context: Context,
  place: Place,
  manifest: Manifest,
  door: Door,
): Promise<void> {
  const { folder, passFile } = standbysOf(place);
  if ((manifest.replicas ?? 0) === 0) return clearStandbys(context, place, manifest, door);
  await openFolder(folder);
  if (await isThere(passFile)) return;
  const password = randomBytes(24).toString("base64url");
  const verifier = quoteLiteral(await makeVerifier(new Secret(password)));
  await asAdmin(door, "postgres", async (sql) => {
    const known = await sql.query("select from pg_roles where rolname = $1", [standbyRole]);
    if (known.length === 0) await sql.query(`create role ${standbyRole} login replication`);
    await sql.query(`alter role ${standbyRole} login replication password ${verifier}`);
  });
  const fresh = `${passFile}.new`;
  await writeFile(fresh, `*:*:*:${standbyRole}:${password}\n`, { mode: 0o600 });
  const user = await ownerOf(place.pgdata);
  if (user !== null) await chown(fresh, user.uid, user.gid);
  await rename(fresh, passFile);
}

/** Of an instance that is not to have any more. */
async function clearStandbys(context: Context, place: Place, { id }: Manifest, door: Door): Promise<void> {
  if (!(await isThere(standbysOf(place).folder))) return;
  await asAdmin(door, "postgres", async (sql) => {
    for (const standby of await standbysIn(context, place, id)) await removeStandby(context, standby, sql);
  });
  await removeStandbys(place);
}
