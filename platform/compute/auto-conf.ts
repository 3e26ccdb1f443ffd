import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { parseConf } from "./conf-read.ts";

/**
 * postgresql.auto.conf is read after our file and would win. We never write settings there (`allow_alter_system` is off), so any
 * that stand in it are not ours. Empties it; whether there was something. It lies in the server's own folder: no link is followed.
 */
export async function clearAutoConf(pgdata: string): Promise<boolean> {
  const path = join(pgdata, "postgresql.auto.conf");
  const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch(() => undefined);
  if (handle === undefined) return false;
  try {
    const text = await handle.readFile("utf8");
    if (Object.keys(parseConf(text)).length === 0) return false;
    await handle.truncate(0);
    return true;
  } finally {
    await handle.close();
  }
}

/** What stands in it; a folder without the file has none. */
export async function readAutoConf(pgdata: string): Promise<Readonly<Record<string, string>>> {
  const path = join(pgdata, "postgresql.auto.conf");
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (handle === undefined) return {};
  try {
    return parseConf(await handle.readFile("utf8"));
  } finally {
    await handle.close();
  }
}
