/**
 * The manifest of a backup: which files it has, how long each is, and its checksum. A backup is what its manifest says, or damaged.
 *
 * 1. The manifest is written last, by rename: a folder without one is no backup.
 * 2. It carries the checksum of itself, so that a changed word in it is seen too.
 */
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { writeWhole } from "../files.ts";
import { backupDamaged, backupUnusable } from "./errors.ts";

const entry = z.strictObject({ path: z.string(), bytes: z.number(), sha256: z.string() });

const schema = z.strictObject({
  format: z.literal("nebula-backup/1"),
  kind: z.enum(["full", "base"]),
  version: z.string(),
  /** Of NebulaDB's code. */
  commit: z.string().nullable(),
  startedAt: z.string(),
  /** Everything that was acknowledged before this moment is in it. */
  consistentAt: z.string(),
  /** The moment from which on the ledger can be recovered from it: with the log, any later one. */
  endedAt: z.string(),
  postgres: z.string(),
  ledger: z.strictObject({
    systemIdentifier: z.string(),
    timeline: z.number(),
    startSegment: z.string(),
    databases: z.array(z.string()),
  }),
  standing: z.strictObject({
    migrations: z.array(z.string()).readonly(),
    projects: z.number(),
    instances: z.number(),
    operations: z.number(),
    audit: z.strictObject({ seq: z.number(), hash: z.string(), signature: z.string().nullable() }),
  }),
  repositories: z.array(z.strictObject({ name: z.string(), bundle: z.string().nullable(), head: z.string() })),
  port: z.number().nullable(),
  bytes: z.number(),
  files: z.array(entry),
  self: z.string(),
});

export type Manifest = z.infer<typeof schema>;
export type ManifestFacts = Omit<Manifest, "format" | "bytes" | "files" | "self">;

const fileName = "manifest.json";

export async function writeManifest(folder: string, facts: ManifestFacts): Promise<Manifest> {
  const files = await Promise.all(
    listFiles(folder).map(async (path) => ({
      path,
      bytes: statSync(join(folder, path)).size,
      sha256: await checksum(join(folder, path)),
    })),
  );
  const bytes = files.reduce((sum, one) => sum + one.bytes, 0);
  const text = { format: "nebula-backup/1" as const, ...facts, bytes, files };
  const manifest: Manifest = { ...text, self: selfOf(text) };
  writeWhole(join(folder, fileName), textOf(manifest), 0o600);
  return manifest;
}

/** @throws NEB934 when there is none or it is of another format, NEB933 when it is not as it was written. */
export function readManifest(folder: string): Manifest {
  let text: string;
  try {
    text = readFileSync(join(folder, fileName), "utf8");
  } catch (cause) {
    throw backupUnusable(`${folder} has no ${fileName}`, { cause });
  }
  const parsed = parse(text);
  if (parsed === undefined)
    throw backupDamaged(`${join(folder, fileName)} is not whole`, { fields: { file: fileName } });
  const { self, ...rest } = parsed;
  // Also a byte that changes nothing of the meaning: whatever did that may have done more.
  if (self !== selfOf(rest) || text !== textOf(parsed))
    throw backupDamaged(`${join(folder, fileName)} was changed`, { fields: { file: fileName } });
  return parsed;
}

/** Reads every file. @throws NEB933 naming the first that is not as it was written. */
export async function verifyFiles(folder: string): Promise<Manifest> {
  const manifest = readManifest(folder);
  for (const { path, bytes, sha256 } of manifest.files) {
    const file = join(folder, path);
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) throw damaged(file, path, "is missing");
    if (size !== bytes) throw damaged(file, path, `has ${size} bytes instead of ${bytes}`);
    if ((await checksum(file)) !== sha256) throw damaged(file, path, "has another checksum");
  }
  return manifest;
}

const damaged = (file: string, path: string, how: string) =>
  backupDamaged(`${file} ${how}`, { fields: { file: path } });

function parse(text: string): Manifest | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const textOf = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

const selfOf = (facts: object): string => createHash("sha256").update(JSON.stringify(facts)).digest("hex");

export async function checksum(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** Relative paths of all files, sorted. */
export function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map((found) => relative(folder, join(found.parentPath, found.name)))
    .filter((path) => path !== fileName)
    .sort();
}
