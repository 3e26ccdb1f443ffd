/**
 * Which buckets there are: what the gates beside the instances say. Each has a folder and an account at the server behind us, made when
 * it is first asked for.
 *
 * 1. A bucket that no gate has had for an hour is put aside, and deleted seven days later: a gate that is being written, or an
 *    instance that is being restored, loses nothing.
 * 2. What is put aside is never found again by a bucket of the same name.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Gate } from "../../platform/compute/index.ts";
import { type Clock, type Observe, reportFault, type Secret } from "../../platform/core/index.ts";
import { type Credentials, ownerOf } from "../../platform/files/index.ts";
import { type BucketSpec, bucketLabel, type DatabaseId } from "../../platform/spec/index.ts";
import { filesServerFailed } from "./errors.ts";
import type { FilesLayout } from "./layout.ts";
import type { FilesServer } from "./process.ts";
import type { Upstream } from "./upstream.ts";

export type Bucket = {
  readonly id: DatabaseId;
  readonly name: string;
  readonly label: string;
  readonly spec: BucketSpec;
  readonly gate: Gate;
  readonly owner: Credentials;
};

export type Buckets = {
  find(label: string): Promise<Bucket | undefined>;
  /** Folder and account are there. @throws NEB795 */
  ready(bucket: Bucket): Promise<void>;
  list(): Promise<readonly Bucket[]>;
  /** Puts aside what no gate has any more, deletes what was put aside long ago. */
  sweep(): Promise<void>;
};

export type BucketsOptions = {
  readonly gateOf: (id: DatabaseId) => Promise<Gate | undefined>;
  readonly databases: () => Promise<readonly DatabaseId[]>;
  /** A bucket of a retired database is closed, as it is. */
  readonly isRetired: (id: DatabaseId) => Promise<boolean>;
  readonly layout: FilesLayout;
  readonly secret: Secret;
  readonly server: Pick<FilesServer, "up">;
  readonly upstream: Pick<Upstream, "ask">;
  readonly clock: Clock;
  readonly observe: Observe;
};

const refreshEveryMs = 500;
const goneMs = 3_600_000;
const keptMs = 7 * 86_400_000;

export function makeBuckets(options: BucketsOptions): Buckets {
  const { gateOf, databases, layout, secret, clock } = options;
  let known = new Map<string, { readonly id: DatabaseId; readonly name: string }>();
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  const made = new Set<string>();
  const making = new Map<string, Promise<void>>();
  const goneSince = new Map<string, number>();

  const list = async (): Promise<readonly Bucket[]> => {
    const all: Bucket[] = [];
    for (const id of await databases()) {
      const gate = await gateOf(id);
      for (const [name, spec] of Object.entries(gate?.buckets ?? {})) {
        const label = bucketLabel(id, name);
        if (gate !== undefined) all.push({ id, name, label, spec, gate, owner: ownerOf(secret, label) });
      }
    }
    return all;
  };
  const refresh = async () => {
    known = new Map((await list()).map(({ label, id, name }) => [label, { id, name }]));
    readAtMs = clock.monotonicMs();
  };

  const make = async (bucket: Bucket) => {
    await options.server.up();
    await writeUsers(
      layout,
      (await list()).map(({ owner }) => owner),
    );
    const { label, owner } = bucket;
    const request = { method: "PUT", path: `/${label}`, query: "", headers: { "content-length": "0" }, as: owner };
    const { status, text } = await options.upstream.ask(request);
    if (status !== 200 && !/<Code>BucketAlready(OwnedByYou|Exists)<\/Code>/.test(text))
      throw filesServerFailed(`bucket ${label} was not made: ${status} ${/<Code>(\w+)/.exec(text)?.[1] ?? ""}`);
    made.add(label);
  };

  return {
    list,
    async find(label) {
      if (!known.has(label) && clock.monotonicMs() - readAtMs >= refreshEveryMs) {
        reading ??= refresh().finally(() => {
          reading = undefined;
        });
        await reading;
      }
      const found = known.get(label);
      const gate = found === undefined ? undefined : await gateOf(found.id);
      const spec = found === undefined ? undefined : gate?.buckets?.[found.name];
      if (found === undefined || gate === undefined || spec === undefined) return undefined;
      const retire = spec.retire || (await options.isRetired(found.id));
      return { ...found, label, spec: { ...spec, retire }, gate, owner: ownerOf(secret, label) };
    },
    async ready(bucket) {
      await options.server.up();
      if (made.has(bucket.label)) return;
      const running = making.get(bucket.label) ?? make(bucket).finally(() => making.delete(bucket.label));
      making.set(bucket.label, running);
      await running;
    },
    async sweep() {
      const wanted = new Set((await list()).map(({ label }) => label));
      const nowMs = clock.monotonicMs();
      for (const label of await foldersIn(layout.objects)) {
        if (wanted.has(label)) goneSince.delete(label);
        else if (!goneSince.has(label)) goneSince.set(label, nowMs);
        else if (nowMs - (goneSince.get(label) ?? nowMs) >= goneMs) {
          await rename(join(layout.objects, label), join(layout.removed, `${label}.${clock.now()}`));
          made.delete(label);
          goneSince.delete(label);
        }
      }
      for (const name of await foldersIn(layout.removed))
        if (clock.now() - Number(name.split(".")[1]) >= keptMs)
          await rm(join(layout.removed, name), { recursive: true, force: true }).catch((thrown) =>
            reportFault(options.observe, "files.sweep", thrown),
          );
    },
  };
}

const foldersIn = (path: string): Promise<readonly string[]> =>
  readdir(path, { withFileTypes: true }).then(
    (entries) => entries.flatMap((one) => (one.isDirectory() && !one.name.startsWith(".") ? [one.name] : [])),
    () => [],
  );

/** The server reads it for each request: whole, by its name, never half. */
async function writeUsers({ iam, users }: FilesLayout, owners: readonly Credentials[]): Promise<void> {
  const accounts = owners.map(({ accessKeyId: access, secretAccessKey }) => {
    const account = { access, secret: secretAccessKey, role: "userplus", userID: 0, groupID: 0, projectID: 0 };
    return [access, account] as const;
  });
  await mkdir(iam, { recursive: true, mode: 0o700 });
  const draft = `${users}.${process.hrtime.bigint()}`;
  await writeFile(draft, JSON.stringify({ accessAccounts: Object.fromEntries(accounts) }), { mode: 0o600 });
  await rename(draft, users);
}

/** What the objects of a bucket take, unfinished uploads included. */
export async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await sizeOf(path);
    else if (entry.isFile()) bytes += (await stat(path).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}
