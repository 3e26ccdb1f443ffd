/**
 * The vault's keys beside the ledger: `secrets/wrapped-keys.json`. They stand wrapped in the ledger, and every database's
 * administrator password derives from one of them: with the ledger and its backups gone, this file and the master key are what still
 * opens the databases.
 */
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "../../platform/sql/index.ts";
import { listDataKeys, type WrappedKey, wrappedKeys } from "../../platform/store/index.ts";
import type { DataFolder } from "../data-folder.ts";
import { writeWhole } from "../files.ts";

const fileOf = (folder: DataFolder) => join(folder.secrets, "wrapped-keys.json");

/** Writes the file when it differs from the ledger. */
export async function keepKeys(folder: DataFolder, owner: Sql): Promise<void> {
  const text = await keysOf(owner);
  if (text === undefined) return;
  const file = fileOf(folder);
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  setAside(folder, wrappedKeys.parse(JSON.parse(text)));
  writeWhole(file, text, 0o600);
}

/** Keys of another root are the keys of another ledger, which may be all that is left of it: they are never written over. */
function setAside(folder: DataFolder, next: readonly WrappedKey[]): void {
  const file = fileOf(folder);
  const rootOf = (keys: readonly WrappedKey[] | undefined) => keys?.find(({ purpose }) => purpose === "root")?.id;
  const root = rootOf(readKeptKeys(folder));
  if (root !== undefined && root !== rootOf(next)) renameSync(file, join(folder.secrets, `wrapped-keys.${root}.json`));
}

/** As a file's text; undefined while the ledger has none. */
export async function keysOf(owner: Sql): Promise<string | undefined> {
  const rows = await listDataKeys(owner);
  if (rows.length === 0) return undefined;
  const keys: WrappedKey[] = rows.map(({ id, purpose, wrapped, kek, createdAt, activeFrom, retiredAt }) => ({
    ...{ id, purpose, wrapped, kek },
    createdAt: createdAt.toISOString(),
    activeFrom: activeFrom.toISOString(),
    retiredAt: retiredAt?.toISOString() ?? null,
  }));
  return `${JSON.stringify(keys, null, 2)}\n`;
}

/** undefined when the file is not there or is no list of keys. */
export function readKeptKeys(folder: DataFolder, file = fileOf(folder)): readonly WrappedKey[] | undefined {
  try {
    const keys = wrappedKeys.parse(JSON.parse(readFileSync(file, "utf8")));
    return keys.some(({ purpose }) => purpose === "root") ? keys : undefined;
  } catch {
    return undefined;
  }
}
