/** The ledger as its owner: for backups, restores and rebuilds, which no main may do. */
import { join } from "node:path";
import type { PostgresServer } from "../../platform/compute/index.ts";
import type { Secret } from "../../platform/core/index.ts";
import { connectOnce, type Sql } from "../../platform/sql/index.ts";
import { archiveRole } from "../../platform/store/index.ts";
import { type DataFolder, readSecrets, readSettings } from "../data-folder.ts";
import { writeWhole } from "../files.ts";
import { databases, ledgerServer, ownerRole, socketFolder } from "../ledger.ts";
import { defaultPort, portsFrom } from "../ports.ts";
import { backupImpossible } from "./errors.ts";
import { toolPath } from "./programs.ts";

export type LedgerAccess = {
  readonly folder: DataFolder;
  readonly pgBin: string;
  readonly port: number;
  readonly server: PostgresServer;
  /** libpq's password file of the owner, mode 0600: a password in an environment or an argument could be read by others. */
  readonly passFile: string;
  owner<T>(body: (sql: Sql) => Promise<T>): Promise<T>;
  /** Arguments that lead a client tool to it, as the owner. */
  target(): readonly string[];
  /** The same as the role that may stream the log and nothing else, with the password file for it. */
  readonly stream: { readonly passFile: string; target(): readonly string[] };
};

export function accessLedger(folder: DataFolder, server: PostgresServer, pgBin: string, port: number): LedgerAccess {
  const { ledgerPassword, archivePassword } = readSecrets(folder);
  const passFileOf = (name: string, role: string, password: Secret) => {
    const file = join(folder.secrets, name);
    writeWhole(file, `*:*:*:${role}:${password.reveal()}\n`, 0o600);
    return file;
  };
  const passFile = passFileOf("ledger.pgpass", ownerRole, ledgerPassword);
  const targetAs = (role: string) => () => [
    ...["--host", socketFolder(folder), "--port", String(port), "--username", role, "--no-password"],
  ];
  return {
    ...{ folder, pgBin, port, server, passFile },
    owner: (body) => connectOnce(server.socketUrl(databases.ledger), body, { applicationName: "nebula-recovery" }),
    target: targetAs(ownerRole),
    stream: {
      passFile: passFileOf("ledger-archive.pgpass", archiveRole, archivePassword),
      target: targetAs(archiveRole),
    },
  };
}

/** Of a platform that runs. @throws NEB932 when it does not. */
export async function accessRunning(folder: DataFolder, pgBin: string): Promise<LedgerAccess> {
  toolPath(pgBin, "pg_basebackup");
  const port = portsFrom(readSettings(folder).port ?? defaultPort).ledger;
  const server = await ledgerServer(folder, { pgBin, port, password: readSecrets(folder).ledgerPassword });
  if ((await server.find()) === undefined) throw backupImpossible(`the ledger in ${folder.ledger} does not run`);
  return accessLedger(folder, server, pgBin, port);
}
