import { join } from "node:path";
import { optional, resolveConfig, secret, text } from "../core/index.ts";
import { type ObjectStore, openObjectStore, storeAddress } from "../objects/index.ts";

/** Settings of a main that works with backups. Credentials are for S3; without them Amazon's own way of finding some is taken. */
export const backupFields = {
  /** A folder or an s3:// address. Default: `databases` in the folder of the platform's own backups. */
  NEBULA_BACKUP_STORE: optional(text()),
  NEBULA_BACKUP_ACCESS_KEY: optional(text()),
  NEBULA_BACKUP_SECRET_KEY: optional(secret()),
  /** A second location. Default: none. */
  NEBULA_BACKUP_COPY: optional(text()),
  NEBULA_BACKUP_COPY_ACCESS_KEY: optional(text()),
  NEBULA_BACKUP_COPY_SECRET_KEY: optional(secret()),
};

type Stored = { readonly address: string; readonly accessKeyId?: string; readonly secretAccessKey?: string };

/** Plain values: they go to workers over a pipe of ours. */
export type BackupSettings = {
  /** Whether databases that declare backups get any. */
  readonly on: boolean;
  readonly store: Stored;
  readonly second: Stored | null;
};

/** @throws NEB901, NEB412 */
export function backupSettings(
  environment: Readonly<Record<string, string | undefined>>,
  { dataDir, backups }: { readonly dataDir: string /** NEBULA_BACKUPS */; readonly backups: string },
): BackupSettings {
  const config = resolveConfig(environment, backupFields);
  const folder = join(backups === "off" ? join(dataDir, "backups") : backups, "databases");
  const store = stored(
    config.NEBULA_BACKUP_STORE ?? folder,
    config.NEBULA_BACKUP_ACCESS_KEY,
    config.NEBULA_BACKUP_SECRET_KEY?.reveal(),
  );
  const copy = config.NEBULA_BACKUP_COPY;
  const second =
    copy === undefined
      ? null
      : stored(copy, config.NEBULA_BACKUP_COPY_ACCESS_KEY, config.NEBULA_BACKUP_COPY_SECRET_KEY?.reveal());
  return { on: backups !== "off" || config.NEBULA_BACKUP_STORE !== undefined, store, second };
}

function stored(address: string, accessKeyId?: string, secretAccessKey?: string): Stored {
  storeAddress(address);
  return accessKeyId === undefined || secretAccessKey === undefined
    ? { address }
    : { address, accessKeyId, secretAccessKey };
}

export function openStores({ store, second }: BackupSettings): { store: ObjectStore; second?: ObjectStore } {
  const open = ({ address, accessKeyId, secretAccessKey }: Stored) =>
    accessKeyId === undefined || secretAccessKey === undefined
      ? openObjectStore(address)
      : openObjectStore(address, { accessKeyId, secretAccessKey });
  return second === null ? { store: open(store) } : { store: open(store), second: open(second) };
}
