import { createHash } from "node:crypto";
import { archiveCommand } from "./archive.ts";
import { knownTo } from "./majors.ts";
import { type Settings, type Shape, settingsOf } from "./settings.ts";
import type { Fullness } from "./storage.ts";

export const adminRole = "nebula_admin";

/** The custom setting by which a running server says which text it has loaded. */
export const loadedSetting = "nebula.loaded";

export type ConfInput = Shape & {
  readonly id: string;
  readonly databaseName: string;
  readonly socketDir: string;
  readonly hbaPath: string;
  /** Where its log goes; null: nowhere, it has no backups. */
  readonly spool?: string | null;
  /** Major version; absent: the newest that is known here. */
  readonly version?: string;
  /** What it may store. */
  readonly storageBytes?: number;
  /** Set while it is full. */
  readonly full?: Fullness;
};

/** The texts of postgresql.conf and pg_hba.conf and their common fingerprint. Pure: equal wishes are equal bytes. */
export function renderConf({ spool = null, ...input }: ConfInput): { conf: string; hba: string; fingerprint: string } {
  const hba = renderHba(input.databaseName);
  const settings: Settings = {
    ...settingsOf(input),
    cluster_name: input.id.slice(0, 63),
    unix_socket_directories: input.socketDir,
    hba_file: input.hbaPath,
    ident_file: "/dev/null",
    archive_command: spool === null ? "true" : archiveCommand(spool),
    // with 15 s for the way to the store, what was committed a minute ago is there
    archive_timeout: spool === null ? "0" : "45s",
    summarize_wal: spool === null ? "off" : "on",
    ...(input.storageBytes === undefined ? {} : { temp_file_limit: `${temporaryKilobytes(input.storageBytes)}kB` }),
    ...(input.full === undefined ? {} : { default_transaction_read_only: "on" }),
  };
  const lines = settingLines(input.version === undefined ? settings : knownTo(input.version, settings));
  const fingerprint = createHash("sha256").update(lines).update(hba).digest("hex").slice(0, 16);
  return { conf: `${header}${lines}${settingLines({ [loadedSetting]: fingerprint })}`, hba, fingerprint };
}

/** A sort or a join may spill so much onto the disk, in one process: it counts nowhere else. */
const temporaryKilobytes = (storageBytes: number): number => Math.max(64 * 1024, Math.round(storageBytes / 4 / 1024));

export const header = "# Written by NebulaDB from the declaration; a change here is overwritten.\n";

export function settingLines(settings: Settings): string {
  return Object.entries(settings)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name} = '${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'\n`)
    .join("");
}

/**
 * Who may connect: through the Unix socket only, with a password by SCRAM; everybody but the administrator only to the instance's one
 * database. From which addresses a client may come is the gateway's to say (`gate.json`).
 */
function renderHba(databaseName: string): string {
  const database = `"${databaseName.replaceAll('"', '""')}"`;
  const rows = [
    ["local", "all", adminRole, "scram-sha-256"],
    ["local", "replication", adminRole, "scram-sha-256"],
    ["local", database, "all", "scram-sha-256"],
  ];
  return `${header}${rows.map((row) => `${row.join(" ")}\n`).join("")}`;
}
