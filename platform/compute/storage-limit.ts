/**
 * What is done about an instance that is full.
 *
 * - `read-only`: `default_transaction_read_only` in its settings, and whoever is writing at that moment is ended. A session may set it
 *   off for itself, which is how one deletes.
 * - `closed`: the server runs as one that recovers and follows nobody (`standby.signal`). Postgres itself then refuses every write, of
 *   every role, and no setting changes that; what is there can be read. It ends by a restart without the file, on the same log.
 */
import type { DatabaseId } from "../spec/index.ts";
import { storageClosed } from "./errors.ts";
import { withLock } from "./lock.ts";
import { type Manifest, readManifest, writeManifest } from "./manifest.ts";
import { type Place, placeOf } from "./paths.ts";
import { findPostmaster, type Postmaster } from "./postmaster.ts";
import { type Context, doorOf, runAsWanted } from "./running.ts";
import { type Fullness, fullnessOf, fullnessUnder, lastWriteMs, usedBytesOf } from "./storage.ts";
import { lockOf } from "./suspend.ts";
import { asAdmin } from "./sync.ts";
import type { StorageTended } from "./types.ts";

/** Looks how full it is, and does what follows from that. Starts and wakes nothing. */
export async function tendStorage(
  context: Context,
  id: DatabaseId,
  unlessWrittenSinceMs?: number,
): Promise<StorageTended | undefined> {
  const place = placeOf(context.layout, id);
  const manifest = await readManifest(place);
  if (manifest === undefined || !manifest.settled) return undefined;
  const writtenMs = await lastWriteMs(place.pgdata);
  const limitBytes = manifest.storageBytes;
  const mode = manifest.full?.mode ?? "writable";
  if (writtenMs === unlessWrittenSinceMs) return { usedBytes: null, limitBytes, mode, writtenMs };
  const usedBytes = await usedBytesOf(place.pgdata);
  const next = fullnessOf({ usedBytes, limitBytes }, manifest.full);
  if (!isSame(next, manifest.full)) {
    const now = await withLock(lockOf(context, id), () => change(context, place, usedBytes));
    return { usedBytes, limitBytes, mode: now, writtenMs };
  }
  return { usedBytes, limitBytes, mode, writtenMs };
}

async function change(context: Context, place: Place, usedBytes: number): Promise<StorageTended["mode"]> {
  const manifest = await readManifest(place);
  if (manifest === undefined) return "writable";
  const running = await findPostmaster(place.pgdata);
  const next = fullnessOf({ usedBytes, limitBytes: manifest.storageBytes }, manifest.full);
  if (running?.frozen === true || isSame(next, manifest.full)) return manifest.full?.mode ?? "writable";
  const changed = withFullness(manifest, next);
  await writeManifest(place, changed);
  if (running?.ready === true) {
    const { postmaster } = await runAsWanted(context, place, changed);
    if (next?.mode === "read-only") await endWriters(context, place, changed, postmaster);
  }
  return next?.mode ?? "writable";
}

/** Transactions that began before: their own, already granted, right to write outlives the setting. */
const endWriters = (context: Context, place: Place, manifest: Manifest, server: Postmaster) =>
  asAdmin(doorOf(context, place, manifest, server), "postgres", (sql) =>
    sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where backend_type = 'client backend' and usename is distinct from current_user and backend_xid is not null`,
    ),
  );

/**
 * The manifest with what another limit means for an instance that was full.
 * @throws NEB362 when it stays closed: then nothing can be changed inside it.
 */
export async function underLimit(place: Place, manifest: Manifest): Promise<Manifest> {
  if (manifest.full === undefined) return manifest;
  const [usedBytes, limitBytes] = [await usedBytesOf(place.pgdata), manifest.storageBytes];
  const next = fullnessUnder({ usedBytes, limitBytes }, manifest.full);
  if (next?.mode === "closed")
    throw storageClosed(
      `${manifest.id} uses ${usedBytes} bytes of ${limitBytes}, and takes no change until it has more`,
      {
        fields: { usedBytes, limitBytes },
      },
    );
  return withFullness(manifest, next);
}

const withFullness = ({ full: _, ...manifest }: Manifest, full: Fullness | undefined): Manifest => ({
  ...manifest,
  ...(full === undefined ? {} : { full }),
});

const isSame = (one: Fullness | undefined, other: Fullness | undefined): boolean =>
  one?.mode === other?.mode && one?.closesAtBytes === other?.closesAtBytes;
