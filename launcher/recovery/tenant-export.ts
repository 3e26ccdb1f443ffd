/**
 * Everything of one tenant, to take away: its declarations with their history, what NebulaDB knows of it, and its data. Taken by
 * the platform's people on its machine; holds no credential.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { draftMonth, listInvoices } from "../../platform/billing/index.ts";
import { adminPurposes, makeLocalDriver } from "../../platform/compute/index.ts";
import { asNebulaError, ignoreObservations, type Vault } from "../../platform/core/index.ts";
import { initBare, runGit } from "../../platform/git/index.ts";
import { keysFrom, openKeyring } from "../../platform/keys/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { type AuditPage, listFleets, listInstances, makeAudit } from "../../platform/store/index.ts";
import { unknownName } from "../errors.ts";
import { writeWhole } from "../files.ts";
import { databases } from "../ledger.ts";
import type { LedgerAccess } from "./access.ts";
import { targetNotEmpty } from "./errors.ts";
import { checksum, listFiles } from "./manifest.ts";
import { runTool, toolPath } from "./programs.ts";
import { repositoriesIn, repositoryPath } from "./repositories.ts";

export type ExportOptions = { readonly tenant: string; readonly to: string; readonly data: boolean };

export type Exported = {
  readonly tenant: string;
  readonly folder: string;
  readonly databases: readonly string[];
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
};

/** @throws NEB928 when the tenant is unknown, NEB932 when the platform does not run, NEB935 */
export async function exportTenant(access: LedgerAccess, options: ExportOptions): Promise<Exported> {
  const folder = resolve(options.to);
  if (existsSync(folder) && readdirSync(folder).length > 0) throw targetNotEmpty(`${folder} is not empty`);
  mkdirSync(dirname(folder), { recursive: true });
  const site = `${folder}.part-${process.pid}`;
  rmSync(site, { recursive: true, force: true });
  const sql = makePool({ url: access.server.socketUrl(databases.ledger), max: 2, applicationName: "nebula-export" });
  try {
    mkdirSync(site, { mode: 0o700 });
    const dumped = await withVault(access, sql, async (vault) => {
      await exportRows(sql, vault, site, options.tenant);
      await exportDeclarations(access, site, options.tenant);
      return options.data ? dumpDatabases(access, { sql, vault }, site, options.tenant) : [];
    });
    const files = await Promise.all(
      listFiles(site).map(async (path) => ({ path, ...(await describe(join(site, path))) })),
    );
    const about = { format: "nebula-tenant-export/1", tenant: options.tenant, madeAt: new Date().toISOString() };
    writeWhole(join(site, "manifest.json"), `${JSON.stringify({ ...about, files }, null, 2)}\n`, 0o600);
    if (existsSync(folder)) rmSync(folder, { recursive: true });
    renameSync(site, folder);
    return { tenant: options.tenant, folder, databases: dumped, files };
  } finally {
    await sql.close();
    rmSync(site, { recursive: true, force: true });
  }
}

const describe = async (file: string) => ({ bytes: statSync(file).size, sha256: await checksum(file) });

type Row = Readonly<Record<string, unknown>>;

/** Rows by file. Nothing sealed, no hash of a key, no other tenant's. */
const tables: Readonly<Record<string, string>> = {
  projects: "select * from projects where tenant = $1 order by stack",
  instances: "select * from instances where split_part(stack, '.', 1) = $1 order by id",
  operations: `select o.*, (select coalesce(json_agg(e order by e.id), '[]') from operation_events e where e.operation = o.id) as events
    from operations o where split_part(o.stack, '.', 1) = $1 order by created_at`,
  "usage-records": "select * from usage_records where tenant = $1 order by seq",
  "usage-gaps": "select * from usage_gaps where split_part(instance, '.', 1) = $1 order by gap_from, instance",
  notifications: "select id, project, kind, at, data from notifications where tenant = $1 order by seq",
  holds: "select * from holds where tenant = $1 order by since, id",
  "budget-alerts": "select * from budget_alerts where tenant = $1 order by at, project, percent",
  "cost-anomalies": "select * from cost_anomalies where tenant = $1 order by day, project",
  payments: "select * from payment_invoices where tenant = $1 order by began_at, invoice",
  "payment-standing": "select * from payment_standings where tenant = $1",
  "restore-points": "select * from restore_points where split_part(instance, '.', 1) = $1 order by at",
  "service-accounts": `select a.tenant, a.name, a.created_by, a.created_at,
      (select coalesce(json_agg(json_build_object('role', g.role, 'project', g.project)), '[]') from service_grants g where g.account = a.id) as grants
    from service_accounts a where a.tenant = $1 order by name`,
  "secret-names": "select name, created_at from secrets where tenant = $1 order by name",
};

async function withVault<T>({ folder }: LedgerAccess, sql: Pool, body: (vault: Vault) => Promise<T>): Promise<T> {
  const environment = {
    NEBULA_MASTER_KEY_FILE: join(folder.secrets, "master.key"),
    NEBULA_MASTER_KEY_PREVIOUS_FILE: join(folder.secrets, "master.key.previous"),
    ...process.env,
  };
  const keyring = await openKeyring({ sql, observe: ignoreObservations, ...keysFrom(environment) });
  try {
    return await body(keyring.vault);
  } finally {
    await keyring.close();
  }
}

async function exportRows(sql: Pool, vault: Vault, site: string, tenant: string): Promise<void> {
  const put = (name: string, rows: readonly unknown[]) =>
    writeFileSync(join(site, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(""), { mode: 0o600 });
  const fleets = await listFleets(sql);
  const declared = fleets.flatMap(({ tenants }) => tenants).find((one) => one.tenant === tenant);
  const known = await sql.maybe(
    "select 1 from projects where tenant = $1 union select 1 from usage_records where tenant = $1",
    [tenant],
  );
  if (declared === undefined && known === undefined) {
    const names = fleets.flatMap(({ tenants }) => tenants).map((one) => one.tenant);
    throw unknownName(`there is no tenant ${tenant}`, {
      hint: names.length === 0 ? "No tenant is declared yet." : `Tenants: ${names.sort().join(", ")}.`,
    });
  }
  put("tenant", declared === undefined ? [] : [declared]);
  for (const [name, text] of Object.entries(tables)) put(name, await sql.query<Row>(text, [tenant]));
  put("invoices", await invoicesOf(sql, tenant));
  const audit = makeAudit(sql, vault);
  const lines: unknown[] = [];
  for (let beforeId: number | null = null; ; ) {
    const within = [{ tenant, project: null, database: null }];
    const page: AuditPage = await audit.list({ within, beforeId, limit: 1_000 });
    lines.push(...page.rows);
    if (page.nextBefore === null) break;
    beforeId = page.nextBefore;
  }
  put("audit", lines);
}

/** What was issued, and every month that is not closed, rated by the prices in force; of one that cannot be rated, why. */
async function invoicesOf(sql: Pool, tenant: string): Promise<readonly unknown[]> {
  const issued = await listInvoices(sql, { tenants: [tenant] }, { limit: 1_000_000 });
  const closed = issued.flatMap(({ kind, reversedBy, period }) =>
    kind === "invoice" && reversedBy === null ? [period.month] : [],
  );
  const months = await sql.query<{ month: string }>(
    `select distinct to_char(hour at time zone 'utc', 'YYYY-MM') as month
     from (select window_start from usage_records where tenant = $1
       union all select hour from usage_pending where split_part(instance, '.', 1) = $1) used (hour) order by 1`,
    [tenant],
  );
  const open = months.flatMap(({ month }) => (closed.includes(month) ? [] : [month]));
  const drafts = open.map((month) =>
    draftMonth(sql, { tenant, month, nowMs: Date.now() }).then(
      ({ invoice }) => invoice,
      (thrown) => {
        const { code, message } = asNebulaError(thrown);
        return { tenant, month, code, message };
      },
    ),
  );
  return [...(await Promise.all(drafts)), ...issued];
}

/** The tenant's own folder with its history, other folders left out; one bundle a repository that has it. */
async function exportDeclarations({ folder }: LedgerAccess, site: string, tenant: string): Promise<void> {
  const root = join(folder.root, "forge");
  for (const name of repositoriesIn(root)) {
    const source = repositoryPath(root, name);
    const path = `tenants/${tenant}`;
    const found = await runGit(source, ["log", "-1", "--format=%H", "main", "--", path], { okCodes: [0, 128] });
    if (found.stdout.toString("utf8").trim() === "") continue;
    // The first `--` ends fast-export's own options and is gone; the second one parts revisions from paths.
    const what = ["--signed-tags=strip", "--", "refs/heads/main", "--", path];
    const { stdout } = await runGit(source, ["fast-export", ...what], { timeoutMs: 600_000 });
    const filtered = join(site, ".filtered.git");
    await initBare(filtered, "main");
    await runGit(filtered, ["fast-import", "--quiet"], { input: stdout, timeoutMs: 600_000 });
    const bundle = join(site, "declarations", `${name.replace("/", ".")}.bundle`);
    mkdirSync(dirname(bundle), { recursive: true, mode: 0o700 });
    await runGit(filtered, ["bundle", "create", "--quiet", bundle, "refs/heads/main"]);
    rmSync(filtered, { recursive: true, force: true });
  }
}

type Opened = { readonly sql: Pool; readonly vault: Vault };

/** By the administrator, in the custom format: a plain dump may run commands where it is restored. One that is paused or retired is left out. */
async function dumpDatabases(
  access: LedgerAccess,
  { sql, vault }: Opened,
  site: string,
  tenant: string,
): Promise<string[]> {
  const { folder, pgBin } = access;
  const driver = await makeLocalDriver({ dataDir: folder.root, pgBin, vault, spares: 0 });
  const passFile = join(site, ".pgpass");
  const dumped: string[] = [];
  try {
    mkdirSync(join(site, "databases"), { mode: 0o700 });
    for (const { id } of await listInstances(sql, { tenant })) {
      const seen = await driver.observe(id);
      // One that sleeps is as it should be: it wakes for this as for any client. A frozen one would never answer.
      const sleeps = seen?.phase === "Asleep" || seen?.phase === "Frozen";
      if (sleeps) await driver.wake(id);
      const found = sleeps ? await driver.observe(id) : seen;
      const [purpose] = adminPurposes([id]).slice(-1);
      if (found?.running !== true || purpose === undefined) continue;
      writeFileSync(passFile, `*:*:*:nebula_admin:${vault.derive(purpose).reveal()}\n`, { mode: 0o600 });
      const where = ["--host", found.host, "--port", String(found.socketPort), "--username", "nebula_admin"];
      const file = join(site, "databases", `${id}.dump`);
      const how = ["--no-password", "--format=custom", "--file", file, found.databaseName];
      await runTool(toolPath(pgBin, "pg_dump"), [...where, ...how], { passFile });
      dumped.push(id);
    }
  } finally {
    rmSync(passFile, { force: true });
  }
  return dumped;
}
