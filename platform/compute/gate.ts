/**
 * `gate.json`: what a gateway must know to let somebody in while the instance sleeps and the ledger is down. 0600 and ours: neither
 * Postgres's user nor a tenant reads it. It holds verifiers, never a password.
 *
 * 1. It is written after Postgres took the change, whole or not at all: a role opens by it what it opens at the server.
 * 2. For the overlap of a rotation the old verifier stays, and with it the new ClientKey, sealed so that only the old password's
 *    ClientKey opens it: who proves the old password can still be logged in to the server, and nobody else.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { lstatSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { LRUCache } from "lru-cache";
import type { ApiSpec, BucketSpec, DatabaseId } from "../spec/index.ts";
import { writeAtomically } from "./manifest.ts";
import { layoutOf, type Place, placeOf } from "./paths.ts";

export type ConnectionLimits = {
  readonly connections: number;
  readonly connectionsPerSecond: number;
  /** 0: none. */
  readonly idleSeconds: number;
  readonly idleInTransactionSeconds: number;
  readonly statementSeconds: number;
};

export type GateRole = {
  /** SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, the same text that Postgres stores. */
  readonly verifier: string;
  readonly previous?: PreviousPassword;
};

export type PreviousPassword = {
  readonly verifier: string;
  /** RFC 3339; afterwards it opens nothing. */
  readonly until: string;
  /** `openClientKey` gives the new one to who has the old one. */
  readonly sealedClientKey: string;
};

export type Gate = {
  readonly format: 1;
  readonly id: DatabaseId;
  readonly databaseName: string;
  readonly ownerRole: string;
  readonly allowFrom: readonly string[];
  /** 0: never. */
  readonly suspendAfterSeconds: number;
  readonly units: number;
  /** Standbys beside it. Absent: none. */
  readonly replicas?: number;
  readonly limits: ConnectionLimits;
  /** RFC 3339; afterwards nobody is let in. Absent: never. */
  readonly expiresAt?: string;
  /** How it is served over HTTP; absent: it is not. */
  readonly api?: ApiSpec;
  /** Files beside it, by name; absent: none. */
  readonly buckets?: Readonly<Record<string, BucketSpec>>;
  /** By name; those that log in. */
  readonly roles: Readonly<Record<string, GateRole>>;
};

type Cached = { readonly stamp: string; readonly gate: Gate };

/** Parsed gates by path. A file that was replaced has another stamp, so nothing here outlives its file; the oldest make room. */
const cache = new LRUCache<string, Cached>({ max: 20_000 });
/** What was looked at in this turn of the event loop: of a hundred requests that came together, one looks. */
const lookedAt = new Map<string, Gate>();
/** Of a data folder and an id. */
const paths = new LRUCache<string, string>({ max: 20_000 });

/** The gate of an instance, read anew when its file has changed; undefined when there is none. */
export async function readGate(dataDir: string, id: DatabaseId): Promise<Gate | undefined> {
  const path = pathOf(dataDir, id);
  const looked = lookedAt.get(path);
  if (looked !== undefined) return looked;
  const found = look(path);
  if (found === undefined || !found.isFile()) {
    cache.delete(path);
    return undefined;
  }
  const stamp = `${found.ino}:${found.mtimeNs}:${found.size}`;
  const known = cache.get(path);
  if (known?.stamp === stamp) {
    if (lookedAt.size === 0) setImmediate(() => lookedAt.clear());
    lookedAt.set(path, known.gate);
    return known.gate;
  }
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const gate = JSON.parse(text) as Gate;
  cache.set(path, { stamp, gate });
  return gate;
}

function pathOf(dataDir: string, id: DatabaseId): string {
  const key = `${dataDir}\0${id}`;
  const known = paths.get(key);
  if (known !== undefined) return known;
  const path = placeOf(layoutOf(dataDir), id).gate;
  paths.set(key, path);
  return path;
}

/** At once: each request asks, what it asks for is in the kernel's memory, and the way through the thread pool costs many times as much. */
function look(path: string) {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** The databases of a data folder that have an instance; which of them have a gate is for `readGate` to say. */
export async function gatesIn(dataDir: string): Promise<readonly DatabaseId[]> {
  const names = await readdir(layoutOf(dataDir).instances).catch(() => []);
  return names.filter((name) => !name.startsWith(".")) as DatabaseId[];
}

/** Writes the gate when it says something else than before; whether it did. */
export async function writeGate(place: Place, gate: Gate): Promise<boolean> {
  const text = `${JSON.stringify(gate, null, 2)}\n`;
  if ((await readFile(place.gate, "utf8").catch(() => undefined)) === text) return false;
  await writeAtomically(place.gate, text, 0o600);
  return true;
}

export async function readGateOf(place: Place): Promise<Gate | undefined> {
  const text = await readFile(place.gate, "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Gate);
}

/** The overlap of a role's last rotation, while it lasts. */
export const previousOf = ({ previous }: GateRole, nowMs: number): PreviousPassword | undefined =>
  previous !== undefined && Date.parse(previous.until) > nowMs ? previous : undefined;

type KeyOwner = { readonly id: DatabaseId; readonly role: string };

/** Seals a ClientKey for whoever has the old one. The owner's name is authenticated: a seal does not open for another role. */
export function sealClientKey(fresh: Buffer, old: Buffer, owner: KeyOwner): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", rotationKey(old, owner), nonce);
  return Buffer.concat([nonce, cipher.update(fresh), cipher.final(), cipher.getAuthTag()]).toString("base64");
}

/** The new ClientKey by the old one; undefined when it is not the one that it was sealed for. */
export function openClientKey(sealed: string, old: Buffer, owner: KeyOwner): Buffer | undefined {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length <= 28) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", rotationKey(old, owner), bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

const rotationKey = (old: Buffer, { id, role }: KeyOwner): Buffer =>
  Buffer.from(hkdfSync("sha256", old, "", `nebula:rotation:${id}:${role}`, 32));
