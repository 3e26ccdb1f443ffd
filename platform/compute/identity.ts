import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Vault } from "../core/index.ts";
import { ownerOf } from "./server-user.ts";

/**
 * Which data folder this is: a random text in it and in the instance's manifest. All instances are copies of one template, so
 * Postgres's own system identifier does not tell them apart. Written before the manifest names it: a kill in between leaves a text
 * that nobody expects, which the next one replaces.
 */
const fileName = "nebula.identity";

export async function markIdentity(pgdata: string): Promise<string> {
  const user = await ownerOf(pgdata);
  const path = join(pgdata, fileName);
  const identity = randomUUID();
  await rm(path, { force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(path, flags, 0o600);
  try {
    await handle.writeFile(`${identity}\n`);
    if (user !== null) await handle.chown(user.uid, user.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return identity;
}

/** The folder belongs to the user that runs its server: no link is followed, and only as much is read as the text is long. */
export async function readIdentity(pgdata: string): Promise<string | null> {
  const handle = await open(join(pgdata, fileName), constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (handle === undefined) return null;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead).toString("utf8").trim();
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}

export const adminPurpose = (id: string): string => `compute:admin:${id}`;
export const ownerPurpose = "compute:owner-tag";

/** The tag that this installation puts on what it makes: derived from its key, so it needs no place of its own and tells nothing. */
export const ownerTag = (vault: Pick<Vault, "derive">): string => vault.derive(ownerPurpose).reveal().slice(0, 16);
