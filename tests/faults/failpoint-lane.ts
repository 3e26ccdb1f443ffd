/** A platform whose reconciler is a process of its own: the forge, the ledger and the client live in the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeLocalDriver } from "../../platform/compute/index.ts";
import { makeVault, Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { notify } from "../../platform/sql/index.ts";
import { enqueueOperation, readCheckpoint, recordPull, updateOperation } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { branchOff, database, fleet, makeWorld, seed } from "../reconciler/world.ts";
import { groupOf } from "./processes.ts";
import type { ProcessOptions } from "./reconciler-process.ts";

const stack = "acme.shop";
const id = `${stack}.orders` as DatabaseId;
const slow = { timeoutMs: 60_000, everyMs: 10 } as const;
const text = (rev: string) =>
  database("orders", `version: "18", compute: { min: 0.25, max: 0.25 }, tags: { rev: "${rev}" }`);
const policies = (fleet["tenants/fleet/policies.ts"] ?? "").replace(
  "allowPublicNetwork: false",
  'allowPublicNetwork: false, unreviewed: "deploy", retireGrace: "1s"',
);
const files: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(seed).filter(([path]) => !path.startsWith("tenants/lab/"))),
  "tenants/fleet/policies.ts": policies,
  "tenants/acme/shop/orders.ts": text("r0"),
};

export type Lane = Awaited<ReturnType<typeof makeLane>>;

export async function makeLane() {
  const world = await makeWorld({ files, protect: false });
  const { sql } = world.ledger;
  const dataDir = mkdtempSync(join(tmpdir(), "nebula-fail-"));
  chmodSync(dataDir, 0o711);
  const armed = join(dataDir, "armed");
  const masterKey = Buffer.alloc(32, 3).toString("base64");
  const vault = makeVault(new Secret(masterKey));
  const pgBin = process.env.NEBULA_PG_BIN ?? "";
  const driver = await makeLocalDriver({ dataDir, pgBin, vault, spares: 0 });
  await driver.prepare();
  const options: ProcessOptions = {
    ...{ ledgerUrl: world.ledger.url.reveal(), masterKey, dataDir, pgBin },
    pulumiBin: process.env.NEBULA_PULUMI_BIN ?? "",
  };
  let child: ChildProcess;
  let said = "";
  let closing = false;
  const start = (): void => {
    child = spawn(process.execPath, [join(import.meta.dirname, "reconciler-process.ts"), JSON.stringify(options)], {
      env: {
        ...process.env,
        NEBULA_FAILPOINT: `@${armed}`,
        NODE_COMPILE_CACHE: join(tmpdir(), "nebula-test-compiled"),
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.once("exit", () => {
      if (!closing) start();
    });
    child.stderr?.on("data", (bytes) => {
      said = `${said}${bytes}`.slice(-3000);
    });
  };
  const killNow = async (): Promise<void> => {
    const killed = child;
    killed.kill("SIGKILL");
    await eventually("the reconciler is gone", () => killed.signalCode !== null || killed.exitCode !== null);
  };
  let rev = 0;
  const one = <T>(query: string, values: readonly unknown[] = []) => sql.maybe<T>(query, [...values]);

  const lane = {
    sql,
    driver,
    id,
    rev: () => `r${rev}`,
    said: () => said,
    start,
    killNow,
    arm: (point: string, hit: number) => writeFileSync(armed, `${point}:${hit}`),
    /** Waits until the armed place ended a process. The reconciler is started again whenever it ended. */
    async fired(): Promise<boolean> {
      const done = await eventually("it is passed", () => !existsSync(armed), slow).then(
        () => true,
        () => false,
      );
      rmSync(armed, { force: true });
      return done;
    },
    /** A commit on the default branch that asks for something new. */
    async push(more: Readonly<Record<string, string | null>> = {}): Promise<void> {
      rev++;
      await branchOff(world, "work");
      await world.push("main", { "tenants/acme/shop/orders.ts": text(lane.rev()), ...more });
      await notify(sql, "nebula_pulls", "repo_test:0"); // what a webhook says: look there
    },
    /** A commit with a migration more. */
    pushMigration: () => {
      const file = `${String(rev + 1).padStart(4, "0")}_more.sql`;
      const created = `create table made_${rev + 1} (id bigint primary key);\n`;
      return lane.push({ [`tenants/acme/shop/orders/migrations/${file}`]: created });
    },
    /** The same by a pull request that merges itself when its review has passed. */
    async propose(): Promise<void> {
      rev++;
      const branch = `change-${rev}`;
      await branchOff(world, branch);
      const head = await world.push(branch, { "tenants/acme/shop/orders.ts": text(lane.rev()) });
      const pull = await world.person.createPull({ title: branch, body: "", head: branch, base: "main" });
      const operation = await enqueueOperation(sql, { stack, type: "PULL_REQUEST", requestedBy: "ada" });
      await updateOperation(sql, operation.id, { state: "IN_PROGRESS" });
      const note = { repository: "repo_test", number: pull.number, requestedBy: "ada", operation: operation.id };
      await recordPull(sql, { ...note, autoMerge: true, headCommit: head, by: "portal" });
    },
    /** A database more, retired at once; and its end. */
    async pushTemporary(): Promise<void> {
      const file = "tenants/acme/shop/temporary.ts";
      await lane.push({
        [file]: database("temporary", 'version: "18", compute: { min: 0.25, max: 0.25 }, retire: true'),
      });
      await lane.settled();
      await new Promise((resolve) => setTimeout(resolve, 1100));
    },
    endTemporary: () => lane.push({ "tenants/acme/shop/temporary.ts": null }),
    /** Everything that was asked for is done and told. Back-off is cut short. */
    settled: (): Promise<true> =>
      eventually(
        `${lane.rev()} is settled`,
        async () => {
          await sql.query("update operations set run_after = now() where state = 'QUEUED' and run_after > now()");
          const row = await one<{ rev: string; ready: boolean }>(
            `select i.spec #>> '{tags,rev}' as rev, p.status = 'Ready' and p.applied_hash = p.wanted_hash as ready
             from projects p join instances i on i.stack = p.stack and i.database = 'orders' where p.stack = $1`,
            [stack],
          );
          if (row?.rev !== lane.rev() || !row.ready) return undefined;
          const open = await sql.query(
            `select 1 from operations where state in ('QUEUED', 'IN_PROGRESS') or (type = 'DEPLOY' and commit is not null and reported_at is null)`,
          );
          return open.length === 0 ? true : undefined;
        },
        slow,
      ),
    /** What the world is, without what differs from run to run. */
    async snapshot() {
      const [tenant] = stack.split(".");
      const locks = await sql.query(`select key from state_${tenant}.pulumi_state where key like '%/locks/%'`);
      const { latest } = JSON.parse((await readCheckpoint(sql, stack)) ?? "{}").checkpoint;
      const made = (latest.resources as { type: string; inputs?: { tags?: unknown; name?: string } }[])
        .filter(({ type }) => type === "nebula:index:Database")
        .map(({ inputs }) => [inputs?.name, inputs?.tags]);
      const head = (await world.git("ls-remote", "origin", "refs/heads/main")).split("\t")[0] ?? "";
      const statuses = (await world.person.listStatuses(head)).filter(({ context }) => context === "nebula/deploy");
      const rows = await sql.query(
        `select id, phase, spec - 'migrations' as spec from instances where phase <> 'Removed' order by id`,
      );
      const observed = await driver.facts(id);
      const leases = await sql.query("select stack from stacks where operation is not null");
      const doubled = await sql.query(
        `select stack, commit from operations where type = 'DEPLOY' and state = 'COMPLETED' and commit is not null
           and outcome = 'applied' group by stack, commit having count(*) > 1`,
      );
      const usage = await sql.query(
        "select instance from usage_samples where awake_ms > slot_seconds * 1000 or measured_until > now() + interval '1 minute'",
      );
      const unmigrated = await sql.query(
        `select m.key from instances i, jsonb_each_text(i.spec -> 'migrations') m left join database_schemas s on true
         where i.phase <> 'Removed' and (s.instance is null or (s.instance = i.id and s.applied -> m.key is null))`,
      );
      return {
        ...{ locks, pending: latest.pending_operations ?? [], made, rows, leases, doubled, usage, unmigrated },
        status: statuses[0]?.state ?? "none",
        machine: { tags: observed?.tags, phase: observed?.phase, files: observed?.files },
      };
    },
    /** Which processes of ours were left by all that. */
    async close(): Promise<readonly string[]> {
      closing = true;
      const workers = readdirSync(join(dataDir, "run", "deploy")).map(Number);
      await killNow();
      const alive = () => workers.filter((pid) => groupOf(pid).length > 0);
      await eventually("the workers are gone", () => alive().length === 0).catch(() => undefined);
      const left = alive();
      for (const instance of await driver.list()) await driver.stop(instance.id, "immediate").catch(() => undefined);
      await driver.close();
      await world.close();
      rmSync(dataDir, { recursive: true, force: true });
      return left.map((pid) => `process group ${pid} is left`);
    },
  };
  return lane;
}
