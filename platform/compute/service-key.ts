import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Secret } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { writeAtomically } from "./manifest.ts";
import { layoutOf, type Place, placeOf } from "./paths.ts";

/**
 * Passwords of the roles that the gateway itself logs in with, each in `<role>.key` beside the instance, 0600 and ours. Made here and
 * kept nowhere else: like `admin.key` it opens nothing that its reader does not have. A branch or a restore has a folder of its own,
 * and so keys of its own.
 */
const fileOf = ({ folder }: Pick<Place, "folder">, role: string): string => join(folder, `${role}.key`);

export async function keptServiceKey(place: Place, role: string): Promise<Secret> {
  const kept = await readFile(fileOf(place, role), "utf8").catch(() => "");
  if (kept !== "") return new Secret(kept);
  const made = randomBytes(32).toString("base64url");
  await writeAtomically(fileOf(place, role), made, 0o600);
  return new Secret(made);
}

export const dropServiceKey = (place: Place, role: string): Promise<void> => rm(fileOf(place, role), { force: true });

/** For the gateway; undefined where the role was not made yet. */
export async function readServiceKey(dataDir: string, id: DatabaseId, role: string): Promise<Secret | undefined> {
  const text = await readFile(fileOf(placeOf(layoutOf(dataDir), id), role), "utf8").catch(() => "");
  return text === "" ? undefined : new Secret(text);
}

type Values = Readonly<Record<string, string>>;
const secretsFile = ({ folder }: Pick<Place, "folder">): string => join(folder, "api.secrets.json");

/** The tenant's secrets that its data API verifies tokens with, by name. */
export async function keepApiSecrets(place: Place, secrets: ReadonlyMap<string, Secret>): Promise<void> {
  const values = Object.fromEntries([...secrets].sort().map(([name, secret]) => [name, secret.reveal()]));
  const text = `${JSON.stringify(values)}\n`;
  if (secrets.size === 0) return rm(secretsFile(place), { force: true });
  if ((await readFile(secretsFile(place), "utf8").catch(() => undefined)) === text) return;
  await writeAtomically(secretsFile(place), text, 0o600);
}

export async function readApiSecrets(dataDir: string, id: DatabaseId): Promise<ReadonlyMap<string, Secret>> {
  const text = await readFile(secretsFile(placeOf(layoutOf(dataDir), id)), "utf8").catch(() => "{}");
  return new Map(Object.entries(JSON.parse(text) as Values).map(([name, value]) => [name, new Secret(value)]));
}
