import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Secret, UrlPolicy } from "../core/index.ts";
import { connectionUrl, connectOnce, type Sql } from "../sql/index.ts";
import { importDiffers, importImpossible } from "./errors.ts";
import { type OsIdentity, runTool } from "./programs.ts";
import { addressOf, parseSource, type Source } from "./source.ts";
import { countRows, differingCounts, listExtensions, listTables } from "./tables.ts";
import { openWay, type Way } from "./way.ts";

/** A line of progress. */
export type Telling = (phase: "connect" | "dump" | "restore" | "compare", message: string) => void;

export type ImportRequest = {
  /** `postgres://user:password@host/database`. */
  readonly source: Secret;
  /** Which addresses may be asked. */
  readonly policy: UrlPolicy;
  readonly target: {
    /** Its address, or the folder of its Unix socket. */
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
    readonly password: Secret;
  };
  /** Makes the target's server answer: it may have gone to sleep while the source was read. */
  readonly wake: () => Promise<void>;
  readonly pgBin: string;
  /** Whom the programs run as; null: as we are. */
  readonly user: OsIdentity;
  /** Where a folder for the dump may be made; whoever `user` is may pass through. */
  readonly folder: string;
  readonly tell: Telling;
  readonly signal: AbortSignal;
};

export type Imported = { readonly tables: number; readonly rows: number; readonly durationMs: number };

/**
 * Copies a whole database: definitions and rows, as the target's owner, in one transaction. Everything, or nothing.
 * @throws NEB697 before anything is copied, NEB698 when it breaks off, NEB699 when a table has other rows, NEB688.
 */
export async function importDatabase(request: ImportRequest): Promise<Imported> {
  const began = performance.now();
  const source = parseSource(request.source);
  const address = await addressOf(source, request.policy);
  await mkdir(request.folder, { recursive: true, mode: 0o711 });
  const site = await mkdtemp(join(request.folder, "import-"));
  let way: Way | undefined;
  try {
    if (request.user !== null) await chown(site, request.user.uid, request.user.gid);
    way = await openWay(source, address, site);
    const counted = await copy(request, source, site).catch((thrown) => {
      throw way?.fault() ?? thrown;
    });
    return { ...counted, durationMs: Math.round(performance.now() - began) };
  } finally {
    await way?.close();
    await rm(site, { recursive: true, force: true });
  }
}

async function copy(request: ImportRequest, source: Source, site: string): Promise<Omit<Imported, "durationMs">> {
  const { target, tell } = request;
  const targetUrl = connectionUrl(target);
  const sourceUrl = connectionUrl({ ...reached(source, site), database: source.database });
  const dump = join(site, "dump");
  const passFile = await writePassFile(request, source, site);
  return connectOnce(sourceUrl, (from) =>
    from.tx(async (tx) => {
      await tx.query("set transaction isolation level repeatable read, read only");
      tell("connect", `reached ${source.host}:${source.port}`);
      await request.wake();
      const mine = await connectOnce(targetUrl, readTarget);
      const tables = await mustFit(tx, mine);
      const { snapshot } = await tx.one<{ snapshot: string }>("select pg_export_snapshot() as snapshot");
      const run = { ...request, passFile };
      await runTool({
        ...run,
        name: "pg_dump",
        args: dumpArguments(source, site, snapshot, dump),
        told: said(tell, "dump"),
      });
      const list = join(site, "list");
      const contents = await runTool({ ...run, name: "pg_restore", args: ["--list", dump] });
      await writeFile(list, wantedOf(contents), { mode: 0o644 });
      await request.wake();
      await runTool({
        ...run,
        name: "pg_restore",
        args: restoreArguments(target, list, dump),
        told: said(tell, "restore"),
      });
      tell("compare", `counting the rows of ${tables.length} tables on both sides`);
      const counts = await countRows(tx, tables);
      await request.wake();
      const arrived = await connectOnce(targetUrl, async (to) => countRows(to, await listTables(to)));
      const differing = differingCounts(counts, arrived);
      if (differing.length > 0) throw importDiffers(differing.slice(0, 20).join("; "), { fields: { differing } });
      const rows = [...counts.values()].reduce((sum, one) => sum + one, 0);
      tell("compare", `${tables.length} tables with ${rows} rows are the same on both sides`);
      return { tables: tables.length, rows };
    }),
  );
}

type Mine = { readonly tables: number; readonly version: number; readonly extensions: readonly string[] };

const versionOf = async (sql: Sql): Promise<number> => {
  const { version } = await sql.one<{ version: number }>(
    "select current_setting('server_version_num')::int as version",
  );
  return version;
};

const readTarget = async (sql: Sql): Promise<Mine> => ({
  tables: (await listTables(sql)).length,
  version: await versionOf(sql),
  extensions: await listExtensions(sql),
});

/** @throws NEB697 for what would fail half-way. */
async function mustFit(from: Sql, mine: Mine) {
  if (mine.tables > 0)
    throw importImpossible(`the target has ${mine.tables} tables already`, {
      hint: "Import into a database that has none.",
    });
  const major = (version: number) => Math.floor(version / 10_000);
  const theirs = await versionOf(from);
  if (major(theirs) > major(mine.version))
    throw importImpossible(`the source is Postgres ${major(theirs)}, newer than the target's ${major(mine.version)}`);
  const missing = (await listExtensions(from)).filter((name) => !mine.extensions.includes(name));
  if (missing.length > 0)
    throw importImpossible(`the source uses extensions that the target does not have: ${missing.join(", ")}`, {
      hint: `Declare extensions: [${missing.map((name) => JSON.stringify(name)).join(", ")}] where the fleet allows them, and import then.`,
    });
  return listTables(from);
}

const reached = ({ user, password }: Source, site: string) => ({
  ...{ host: site, port: 5432, user },
  ...(password === undefined ? {} : { password }),
});

const dumpArguments = ({ user, database }: Source, site: string, snapshot: string, dump: string): readonly string[] => [
  ...["--format=custom", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-security-labels"],
  ...["--no-publications", "--no-subscriptions", "--verbose", "--no-password", `--snapshot=${snapshot}`],
  ...["--host", site, "--port", "5432", "--username", user, "--file", dump, "--dbname", database],
];

const restoreArguments = (
  { host, port, user, database }: ImportRequest["target"],
  list: string,
  dump: string,
): readonly string[] => [
  ...["--no-owner", "--no-privileges", "--no-tablespaces", "--single-transaction", "--exit-on-error", "--verbose"],
  ...["--no-password", "--use-list", list, "--host", host, "--port", String(port), "--username", user],
  ...["--dbname", database, dump],
];

/** What is the server's own and not the owner's to make: extensions are declared, the schema `public` is there. */
const foreign =
  /^\d+; \d+ \d+ (EXTENSION |COMMENT - EXTENSION |SCHEMA - public |COMMENT - SCHEMA public |EVENT TRIGGER )/;

export const wantedOf = (contents: string): string =>
  contents
    .split("\n")
    .filter((line) => !foreign.test(line))
    .join("\n");

/** `processing data for table "public.orders"`: what a person waits for. */
const said = (tell: Telling, phase: "dump" | "restore") => (line: string) => {
  const [, table] = /(?:dumping contents of|processing data for) table "?([^"]+(?:"?\."?[^"]+)?)"?$/.exec(line) ?? [];
  if (table !== undefined) tell(phase, table);
};

/** libpq's password file: one line a server, readable by its user alone. */
async function writePassFile({ target, user }: ImportRequest, source: Source, site: string): Promise<string> {
  const path = join(site, "pass");
  const escaped = (text: string) => text.replaceAll(/[\\:]/g, "\\$&");
  const line = (fields: readonly string[], password: Secret) =>
    `${[...fields, password.reveal()].map(escaped).join(":")}\n`;
  const { host, port, database, user: owner } = target;
  const lines = [
    ...(source.password === undefined ? [] : [line([site, "5432", source.database, source.user], source.password)]),
    line([host, String(port), database, owner], target.password),
  ];
  await writeFile(path, lines.join(""), { mode: 0o600 });
  await chmod(path, 0o600);
  if (user !== null) await chown(path, user.uid, user.gid);
  return path;
}
