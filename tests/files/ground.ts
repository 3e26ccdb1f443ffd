/**
 * Ground for tests of buckets: the front with a real versitygw behind it, in a folder of the test's own. Gates and what keys may do are the
 * test's to change, as a deployment and the portal would.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { type Files, makeFiles } from "../../gateway/files/index.ts";
import { type KeysOptions, makeKeys } from "../../gateway/web/index.ts";
import { quiet, resolveVersitygw } from "../../launcher/index.ts";
import type { Gate } from "../../platform/compute/index.ts";
import { type Clock, type Observation, Secret, systemClock } from "../../platform/core/index.ts";
import { type Credentials, credentialsFor, presign } from "../../platform/files/index.ts";
import { type BucketSpec, bucketLabel, type DatabaseId } from "../../platform/spec/index.ts";

export type FilesGround = {
  readonly dataDir: string;
  readonly files: Files;
  readonly url: string;
  readonly port: number;
  /** By database; deleting one is what a removal does. */
  readonly gates: Map<DatabaseId, Gate>;
  /** `<key id> <database>` to what it may. */
  readonly rights: Map<string, "read" | "write">;
  readonly retired: Set<DatabaseId>;
  readonly counted: Map<DatabaseId, { bytesIn: number; bytesOut: number }>;
  readonly observations: Observation[];
  readonly clock: { nowMs: number; monotonicMs: number };
  /** Declares it, in addition to what is there. */
  declare(id: DatabaseId, name: string, change?: Partial<BucketSpec>): string;
  /** A key's client, as tenants use it. */
  client(keyId: string, label: string, secretOf?: string): S3Client;
  credentials(keyId: string, label: string): Credentials;
  /** A signed address. */
  signed(keyId: string, label: string, key: string, method?: "GET" | "PUT", expiresSeconds?: number): string;
  close(): Promise<void>;
};

export const mebi = 2 ** 20;
export const keyId = (name: string): string => name.padEnd(26, "0").toUpperCase();

/** @param remembers what a key may do is remembered as the gateway does; without, a change of `rights` counts at once. */
export async function makeFilesGround({ remembers = false } = {}): Promise<FilesGround> {
  const bin = await resolveVersitygw(process.env, quiet);
  const dataDir = mkdtempSync(join(tmpdir(), "ndb-files-"));
  const secret = new Secret("t".repeat(43));
  const gates: FilesGround["gates"] = new Map();
  const rights: FilesGround["rights"] = new Map();
  const retired: FilesGround["retired"] = new Set();
  const counted: FilesGround["counted"] = new Map();
  const observations: Observation[] = [];
  const offset = { nowMs: 0, monotonicMs: 0 };
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + offset.nowMs,
    monotonicMs: () => systemClock.monotonicMs() + offset.monotonicMs,
  };
  const asked: KeysOptions["ask"] = async (key, id) => {
    const access = rights.get(`${key} ${id}`);
    return access === undefined ? undefined : { id: key, name: key, user: "anna", access, expiresAt: null };
  };
  const files = makeFiles({
    ...{ dataDir, bin, secret, clock, domain: "files.test", databases: async () => [...gates.keys()] },
    keys: remembers ? makeKeys({ ask: asked, clock }) : { find: asked },
    gateOf: async (id) => gates.get(id),
    isRetired: async (id) => retired.has(id),
    account(id) {
      const account = counted.get(id) ?? { bytesIn: 0, bytesOut: 0 };
      counted.set(id, account);
      return account;
    },
    observe: (observation) => void observations.push(observation),
  });
  const port = await files.listen(0, "127.0.0.1");
  const url = `http://127.0.0.1:${port}`;
  const clients: S3Client[] = [];
  return {
    ...{ dataDir, files, url, port, gates, rights, retired, counted, observations, clock: offset },
    declare(id, name, change = {}) {
      const bucket = { public: false, maxObjectBytes: 64 * mebi, storageBytes: 64 * mebi, cors: [], retire: false };
      const before = gates.get(id) ?? gateOf(id);
      offset.monotonicMs += 1_000; // a new name is looked for twice a second
      gates.set(id, { ...before, buckets: { ...before.buckets, [name]: { ...bucket, ...change } } });
      return bucketLabel(id, name);
    },
    client(key, label, secretOf = label) {
      const credentials = { ...credentialsFor(secret, key, secretOf) };
      const made = new S3Client({
        endpoint: url,
        region: "us-east-1",
        forcePathStyle: true,
        maxAttempts: 1,
        credentials,
      });
      clients.push(made);
      return made;
    },
    credentials: (key, label) => credentialsFor(secret, key, label),
    signed: (key, label, object, method = "GET", expiresSeconds = 60) =>
      presign(
        { method, origin: url, bucket: label, key: object, expiresSeconds },
        credentialsFor(secret, key, label),
        clock.now(),
      ),
    async close() {
      for (const one of clients) one.destroy();
      await files.close(0);
      rmSync(dataDir, { recursive: true, force: true });
      if (existsSync(dataDir)) throw new Error(`${dataDir} is left`);
    },
  };
}

const gateOf = (id: DatabaseId): Gate => ({
  ...{ format: 1, id, databaseName: "orders", ownerRole: "orders_owner", allowFrom: [], roles: {} },
  ...{ suspendAfterSeconds: 0, units: 0.25 },
  limits: {
    ...{ connections: 10, connectionsPerSecond: 10, idleSeconds: 0, idleInTransactionSeconds: 0, statementSeconds: 0 },
  },
});

/** The code of an error that S3 answers, or what else came of it. */
export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (thrown: { name?: string; Code?: string; $metadata?: { httpStatusCode?: number } }) =>
      thrown.name === "Unknown" || thrown.name === "UnknownError"
        ? String(thrown.$metadata?.httpStatusCode)
        : (thrown.Code ?? thrown.name ?? "?"),
  );
