/** Two reconcilers and two portals as `nebula up --replicas 2` starts them, real databases, and a client that keeps its own account. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { type Platform, startPlatform } from "../system/platform.ts";
import { type LoadClient, makeLoadClient } from "./load-client.ts";
import { kill } from "./processes.ts";

const isLarge = process.env.NEBULA_SCALE === "large";
/** Between two kills: about a minute in all here, ten minutes in a soak. */
const pauseMs: readonly [number, number] = isLarge ? [7_000, 13_000] : [3_000, 6_000];
const mains = ["portal", "portal-2", "reconciler", "reconciler-2"] as const;
const twin = {
  portal: "portal-2",
  "portal-2": "portal",
  reconciler: "reconciler-2",
  "reconciler-2": "reconciler",
} as const;

type Stand = { readonly platform: Platform; readonly sql: Pool };
let stand: Promise<Stand> | undefined;
const open = () => {
  stand ??= begin();
  return stand;
};
afterAll(async () => {
  const opened = await stand?.catch(() => undefined);
  await opened?.sql.close();
  await opened?.platform.close();
}, 360_000);

catalogueRow({
  suite: "faults",
  name: "two reconcilers and two portals, either killed at random under load",
  promise: "nothing that was acknowledged is lost, nothing done twice, everything ends",
  n: { small: 12, large: 60 },
  run: (input) => (input.guarded ? strike(input) : withoutAnEnd(input)),
  control: { without: "leases that end", n: 2 },
  timeoutMs: 300_000,
});

async function begin(): Promise<Stand> {
  const env = { NEBULA_LIMITS: "key=100000,user=100000,writes=100000", NEBULA_DEPLOY_WORKERS: "2" };
  const platform = await startPlatform({ replicas: 2, env });
  const password = readFileSync(join(platform.data, "secrets/ledger-password"), "utf8").trim();
  const { port } = new URL(platform.url);
  const url = new Secret(`postgres://nebula:${password}@127.0.0.1:${Number(port) + 2}/nebula`);
  const sql = makePool({ url, max: 3, applicationName: "test" });
  await eventually(
    "the seeded databases are ready",
    async () => (await sql.query("select 1 from instances where phase = 'Ready'")).length === 5,
    { timeoutMs: 120_000, everyMs: 500 },
  );
  return { platform, sql };
}

const clientOf = ({ url, token }: Platform): LoadClient => {
  const { port } = new URL(url);
  return makeLoadClient([url, `http://127.0.0.1:${Number(port) + 4}`], token);
};
const pathOf = (tenant: string, project: string, name: string) =>
  `/api/v1/domain/${tenant}/project/${project}/databases/${name}`;
const restarted = [
  pathOf("acme", "shop", "orders"),
  pathOf("acme", "shop", "catalog"),
  pathOf("lab", "research", "papers"),
];
const declared = pathOf("lab", "research", "scratch");

async function strike({ n, random }: RowInput): Promise<Trials> {
  const { platform, sql } = await open();
  const client = clientOf(platform);
  let isOver = false;
  let rev = 0;
  const loads = [
    ...restarted.map(async (path) => {
      while (!isOver) await follow(client, await client.change("POST", `${path}/restart`), () => isOver);
    }),
    (async () => {
      while (!isOver) {
        const body = { tags: { rev: String(++rev) }, autoMerge: true };
        await follow(client, await client.change("PATCH", declared, body), () => isOver);
      }
    })(),
  ];
  let kills = 0;
  while (kills < n) {
    await sleep(random.int(...pauseMs));
    const name = random.pick(mains);
    const pid = pidOf(platform, name);
    if (pid === undefined || pidOf(platform, twin[name]) === undefined) continue;
    if (kill(pid)) kills++;
  }
  isOver = true;
  await Promise.all(loads);
  const left = await eventually("everything has ended", async () => (await unfinished(sql)).length === 0, {
    timeoutMs: 60_000,
    everyMs: 250,
  }).then(
    () => [],
    async () => (await unfinished(sql)).map(({ id, type }) => `${type} ${id} never ended`),
  );
  const violations = [...left, ...client.surprises, ...(await judge(sql, client))];
  const told = client.asked.filter(({ operation }) => operation !== undefined).length;
  return { trials: kills, violations, figures: { asked: client.asked.length, acknowledged: told } };
}

/** Until it has ended; whoever waits for ever is found by the judge. */
async function follow(client: LoadClient, operation: string | undefined, isOver: () => boolean): Promise<void> {
  if (operation === undefined) return void (await sleep(200));
  while (!isOver()) {
    const found = await client.get<{ readonly state: string }>(`/api/v1/operations/${operation}`);
    if (found !== undefined && found.state !== "QUEUED" && found.state !== "IN_PROGRESS") return;
    await sleep(200);
  }
}

const unfinished = (sql: Pool) =>
  sql.query<{ id: string; type: string }>("select id, type from operations where state in ('QUEUED', 'IN_PROGRESS')");

/** Against the client's account: what it was told has happened, once; what it asked for has not happened more often than that. */
async function judge(sql: Pool, { asked }: LoadClient): Promise<string[]> {
  const rows = await sql.query<{ id: string; type: string; state: string; error: { detail?: string } | null }>(
    "select id, type, state, error from operations where type in ('RESTART', 'PULL_REQUEST')",
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const told = asked.flatMap(({ operation }) => (operation === undefined ? [] : [operation]));
  const lost = told.flatMap((id) => {
    const row = byId.get(id);
    return row?.state === "COMPLETED"
      ? []
      : [`${id} was acknowledged and is ${row?.state ?? "gone"} ${row?.error?.detail ?? ""}`];
  });
  const twice = told.length === new Set(told).size ? [] : ["two requests were told of one operation"];
  const more = rows.length > asked.length ? [`${asked.length} requests made ${rows.length} operations`] : [];
  const deployed = await sql.query<{ stack: string; commit: string; times: number }>(
    `select stack, commit, count(*)::int as times from operations
     where type = 'DEPLOY' and outcome = 'applied' and commit is not null group by stack, commit having count(*) > 1`,
  );
  return [
    ...lost,
    ...twice,
    ...more,
    ...deployed.map(({ stack, commit, times }) => `${stack} was deployed ${times} times from ${commit}`),
  ];
}

/** The control: a lease that never runs out, of a holder whom nobody can prove dead. What its holder did when it was killed stays. */
async function withoutAnEnd({ n }: RowInput): Promise<Trials> {
  const { platform, sql } = await open();
  const client = clientOf(platform);
  await sql.query(
    `create function never_ends() returns trigger language plpgsql as $$ begin
       if new.operation is not null then new.lease_until := 'infinity'; end if; return new; end $$;
     create trigger never_ends before update on stacks for each row execute function never_ends();
     alter table stacks add column real_holder text;
     create function nobody_knows() returns trigger language plpgsql as $$ begin
       if new.holder is not null then new.real_holder := new.holder; new.holder := 'elsewhere/1/1'; end if; return new; end $$;
     create trigger nobody_knows before update on stacks for each row execute function nobody_knows()`,
  );
  let kills = 0;
  for (const [stack, path] of [["acme.shop", restarted[0]] as const, ["lab.research", restarted[2]] as const].slice(
    0,
    n,
  )) {
    for (let isStuck = false; !isStuck; isStuck = (await heldIn(sql, stack)) !== undefined) {
      await client.change("POST", `${path}/restart`);
      const holder = await eventually("somebody runs it", () => heldIn(sql, stack), {
        everyMs: 2,
        timeoutMs: 5_000,
      }).catch(
        () => undefined, // it was too quick for us
      );
      if (holder !== undefined && kill(Number(holder.split("/")[1]))) kills++;
      await sleep(1_000);
    }
  }
  await sleep(5_000);
  return { trials: kills, violations: await judge(sql, client) };
}

const heldIn = async (sql: Pool, stack: string): Promise<string | undefined> =>
  (
    await sql.maybe<{ holder: string }>(
      "select real_holder as holder from stacks where stack = $1 and operation is not null",
      [stack],
    )
  )?.holder;

function pidOf(platform: Platform, name: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(platform.data, "run", `${name}.pid`), "utf8").split(" ")[0]);
    return process.kill(pid, 0) ? pid : undefined;
  } catch {
    return undefined;
  }
}
