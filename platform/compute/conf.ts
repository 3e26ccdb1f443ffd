import { createHash } from "node:crypto";
import { archiveCommand } from "./archive.ts";
import { knownTo } from "./majors.ts";
import { type Settings, type Shape, settingsOf, socketPort } from "./settings.ts";
import type { Fullness } from "./storage.ts";

export const adminRole = "nebula_admin";
/** As whom a standby reads its primary's log. */
export const standbyRole = "nebula_standby";

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
  /** Standbys that a commit waits for, any one of them. */
  readonly waitsFor?: readonly string[];
  /** It takes its primary's place with this start. */
  readonly succeeds?: boolean;
  /** Of a standby: whom it follows. */
  readonly follows?: Following;
};

/** Of how many of a thing a server has room for; a standby for no fewer than the log that it reads was written with. */
export type Room = Readonly<Record<string, number>>;

export type Following = {
  readonly name: string;
  readonly socketDir: string;
  readonly passFile: string;
  readonly room: Room;
};

/** The texts of postgresql.conf and pg_hba.conf and their common fingerprint. Pure: equal wishes are equal bytes. */
export function renderConf({ spool = null, waitsFor = [], succeeds = false, follows, ...input }: ConfInput): {
  conf: string;
  hba: string;
  fingerprint: string;
} {
  const hba = renderHba(input);
  const settings: Record<string, string> = {
    ...settingsOf(input),
    cluster_name: input.id.slice(0, 63),
    unix_socket_directories: input.socketDir,
    hba_file: input.hbaPath,
    ident_file: "/dev/null",
    archive_command: spool === null ? "true" : archiveCommand(spool),
    // with 15 s for the way to the store, what was committed a minute ago is there
    archive_timeout: spool === null ? "0" : "45s",
    // a server that begins a timeline waits for its summaries, and whoever makes them is not there while nobody may come in
    summarize_wal: spool === null || succeeds ? "off" : "on",
    ...(input.storageBytes === undefined ? {} : { temp_file_limit: `${temporaryKilobytes(input.storageBytes)}kB` }),
    ...(input.full === undefined ? {} : { default_transaction_read_only: "on" }),
    ...(waitsFor.length === 0 ? {} : { synchronous_standby_names: `ANY 1 (${waitsFor.join(", ")})` }),
    ...(follows === undefined ? {} : standbySettings(input.id, follows)),
  };
  // one that recovers for ever has to let somebody in all the same
  if (input.full?.mode === "closed" && (input.replicas ?? 0) > 0) settings.hot_standby = "on";
  for (const [name, least] of Object.entries(follows?.room ?? {}))
    settings[name] = String(Math.max(least, Number(settings[name] ?? 0)));
  const lines = settingLines(input.version === undefined ? settings : knownTo(input.version, settings));
  const fingerprint = createHash("sha256").update(lines).update(hba).digest("hex").slice(0, 16);
  return { conf: `${header}${lines}${settingLines({ [loadedSetting]: fingerprint })}`, hba, fingerprint };
}

/** A sort or a join may spill so much onto the disk, in one process: it counts nowhere else. */
const temporaryKilobytes = (storageBytes: number): number => Math.max(64 * 1024, Math.round(storageBytes / 4 / 1024));
const standbySettings = (id: string, { name, socketDir, passFile }: Following): Settings => ({
  cluster_name: `${id.slice(0, 50)}~${name}`,
  // its primary archives
  archive_command: "true",
  archive_timeout: "0",
  summarize_wal: "off",
  hot_standby: "on",
  restore_command: "",
  primary_conninfo: [
    ...[`host=${quoted(socketDir)}`, `port=${socketPort}`, `user=${standbyRole}`, `passfile=${quoted(passFile)}`],
    ...[`application_name=${name}`, "connect_timeout=5"],
  ].join(" "),
  primary_slot_name: name,
  wal_retrieve_retry_interval: "500ms",
  // a long query on it is not ended by what the primary cleans up
  hot_standby_feedback: "on",
});

const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

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
function renderHba({ databaseName, replicas = 0 }: Pick<ConfInput, "databaseName" | "replicas">): string {
  const database = `"${databaseName.replaceAll('"', '""')}"`;
  const rows = [
    ["local", "all", adminRole, "scram-sha-256"],
    ["local", "replication", adminRole, "scram-sha-256"],
    ...(replicas > 0 ? [["local", "replication", standbyRole, "scram-sha-256"]] : []),
    ["local", database, "all", "scram-sha-256"],
  ];
  return `${header}${rows.map((row) => `${row.join(" ")}\n`).join("")}`;
}
