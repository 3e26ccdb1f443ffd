/**
 * What is kept of one database, in the store itself, so that the store alone is enough:
 *
 *     <id>/<identity>/line.json                 what it is; written once
 *     <id>/<identity>/index.json                what there is, and up to when; replaced at each change
 *     <id>/<identity>/base/<label>.json         one backup's record; written once, a copy stands in the index
 *     <id>/<identity>/base/<label>.tar, .manifest
 *     <id>/<identity>/wal/<segment>
 *
 * 1. A *line* is the life of one data folder. Its name is our identity of the folder (platform/compute): Postgres's own system
 *    identifier is the same for all instances, because they are copies of one template.
 * 2. Everything is sealed under the database's key and its own name in the store; so what is moved from one line to another, also by
 *    somebody who may write there, does not open.
 * 3. The index is replaced after what it names is there, and before what it no longer names goes.
 */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { z } from "zod";
import { NebulaError, Secret, type Vault } from "../core/index.ts";
import { type ObjectStore, objectMissing, openStream, sealStream } from "../objects/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { backupDamaged } from "./errors.ts";

const origin = z.object({
  kind: z.enum(["restore", "branch", "upgrade"]),
  of: z.string(),
  identity: z.string(),
  at: z.string(),
});

const lineSchema = z.object({
  format: z.literal(1),
  id: z.string(),
  identity: z.string(),
  /** Major version of Postgres. */
  version: z.string(),
  createdAt: z.string(),
  origin: origin.nullable(),
});
export type Line = z.infer<typeof lineSchema>;

const piece = z.object({ key: z.string(), plainBytes: z.number(), storedBytes: z.number() });

const baseSchema = z.object({
  label: z.string(),
  kind: z.enum(["full", "incremental"]),
  /** Label of the backup that an incremental one is on top of. */
  parent: z.string().nullable(),
  startedAt: z.string(),
  /** A restore to this moment or later may begin here. */
  endedAt: z.string(),
  timeline: z.number(),
  startLsn: z.string(),
  stopLsn: z.string(),
  version: z.string(),
  databaseName: z.string(),
  ownerRole: z.string(),
  managed: z.object({ roles: z.array(z.string()), extensions: z.array(z.string()) }),
  tar: piece,
  manifest: piece,
});
export type Base = z.infer<typeof baseSchema>;

const indexSchema = z.object({
  format: z.literal(1),
  /** Everything that was acknowledged before is here; null: nothing is yet. */
  coveredTo: z.string().nullable(),
  /** Of the segments that are kept. */
  first: z.string().nullable(),
  last: z.string().nullable(),
  logBytes: z.number(),
  retentionSeconds: z.number(),
  pitr: z.boolean(),
  bases: z.array(baseSchema),
  /** By label: when a restore of it was last tried and came out right. */
  verified: z.record(z.string(), z.string()),
});
export type Index = z.infer<typeof indexSchema>;

export const emptyIndex: Index = {
  ...{ format: 1, coveredTo: null, first: null, last: null, logBytes: 0, retentionSeconds: 0, pitr: true },
  ...{ bases: [], verified: {} },
};

const purposeOf = (id: string) => `backup:${id}`;
/** What a process derives to seal and open backups of these databases. */
export const backupPurposes = (ids: readonly string[]): readonly string[] => ids.map(purposeOf);

/** Every object of one line, sealed. */
export type LineStore = {
  readonly id: DatabaseId;
  readonly identity: string;
  readonly store: ObjectStore;
  /** Name in the store. */
  nameOf(part: string): string;
  put(part: string, plain: Readable | Buffer): Promise<number>;
  /** Authenticated as it is read. @throws NEB410, NEB413 in the stream */
  get(part: string): Promise<AsyncIterable<Buffer>>;
  readBytes(part: string): Promise<Buffer>;
  readLine(): Promise<Line | undefined>;
  /** @throws NEB416 when it is there and does not open. */
  readIndex(): Promise<Index | undefined>;
  writeLine(line: Line): Promise<void>;
  writeIndex(index: Index): Promise<void>;
  writeBase(base: Base): Promise<void>;
  /** Names in `wal/`. */
  listLog(): Promise<readonly string[]>;
};

type Parts = { readonly store: ObjectStore; readonly vault: Pick<Vault, "derive"> };

export function lineStore({ store, vault }: Parts, id: DatabaseId, identity: string): LineStore {
  const key = new Secret(vault.derive(purposeOf(id)).reveal());
  const nameOf = (part: string) => `${id}/${identity}/${part}`;
  const put = (part: string, plain: Readable | Buffer) => {
    const source = Buffer.isBuffer(plain) ? [plain] : plain;
    return store.put(nameOf(part), Readable.from(sealStream(key, nameOf(part))(source), { objectMode: false }));
  };
  const get = async (part: string) => openStream(key, nameOf(part))(await store.get(nameOf(part)));
  const readBytes = async (part: string) => buffer(await get(part));
  const read = async <T>(part: string, schema: z.ZodType<T>): Promise<T | undefined> => {
    try {
      return schema.parse(JSON.parse((await readBytes(part)).toString("utf8")));
    } catch (thrown) {
      if (thrown instanceof NebulaError && thrown.code === objectMissing.definition.code) return undefined;
      if (thrown instanceof NebulaError && thrown.retry) throw thrown;
      throw backupDamaged(`${nameOf(part)} does not open`, { cause: thrown, fields: { piece: nameOf(part) } });
    }
  };
  const write = async (part: string, value: object) => {
    await put(part, Buffer.from(JSON.stringify(value)));
  };
  return {
    ...{ id, identity, store, nameOf, put, get, readBytes },
    readLine: () => read("line.json", lineSchema),
    readIndex: () => read("index.json", indexSchema),
    writeLine: (line) => write("line.json", line),
    writeIndex: (index) => write("index.json", index),
    writeBase: (base) => write(`base/${base.label}.json`, base),
    listLog: async () => (await store.list(nameOf("wal/"))).map((found) => found.key.slice(nameOf("wal/").length)),
  };
}

/** The lines of a database, oldest first. @throws NEB416 when one's own description does not open. */
export async function linesOf(parts: Parts, id: DatabaseId): Promise<readonly (LineStore & { readonly line: Line })[]> {
  const names = (await parts.store.list(`${id}/`)).map(({ key }) => key.split("/")[1] ?? "");
  const lines = await Promise.all(
    [...new Set(names)].map(async (identity) => {
      const stored = lineStore(parts, id, identity);
      const line = await stored.readLine();
      if (line === undefined)
        throw backupDamaged(`${stored.nameOf("line.json")} is missing`, {
          fields: { piece: stored.nameOf("line.json") },
        });
      return { ...stored, line };
    }),
  );
  return lines.sort((a, b) => (a.line.createdAt < b.line.createdAt ? -1 : 1));
}

/** The databases of which something is kept. */
export async function databasesIn(store: ObjectStore): Promise<readonly DatabaseId[]> {
  const names = (await store.list("")).map(({ key }) => key.split("/")[0] as DatabaseId);
  return [...new Set(names)].sort();
}

export const drain = async (source: AsyncIterable<Buffer>): Promise<number> => {
  let bytes = 0;
  for await (const chunk of source) bytes += chunk.length;
  return bytes;
};
