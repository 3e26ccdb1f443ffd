/** Everything that a platform shows or leaves behind, taken together to be searched. */
import { execFile } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import type { Pool } from "../../platform/sql/index.ts";
import type { World } from "./canaries.ts";
import { readQuietly } from "./canary-life.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

/** Everything that there is to see. */
export async function collect(world: World): Promise<void> {
  const { platform, ledger, forge, sink, ask } = world;
  const api: Record<string, string> = {
    "operations with results": "/api/v1/operations?limit=200",
    "audit as the API shows it": "/api/v1/audit-logs?limit=200",
    "audit export": "/api/v1/audit-logs/export",
    "audit verdict": "/api/v1/audit-logs/verify",
    "names of secrets": "/api/v1/tenants/acme/secrets",
    tenants: "/api/v1/tenants",
    projects: "/api/v1/projects",
    repositories: "/api/v1/repositories",
    replicas: "/api/v1/replicas",
    "keys of the vault": "/api/v1/vault/keys",
    usage: "/api/v1/usage",
    invoice: "/api/v1/usage/invoice",
    "usage export": "/api/v1/usage/export",
    drift: "/api/v1/drift",
    users: "/api/v1/users",
    "API keys": "/api/v1/keys",
    "portal's metrics": "/metrics",
    "portal's health": "/ready",
    "portal's readiness": "/readyz",
    "status page": "/status",
    "OpenAPI document": "/openapi.json",
    "reference page": "/docs",
    JWKS: "/.well-known/jwks.json",
  };
  for (const [name, path] of Object.entries(api)) sink(name, (await ask("GET", path)).text);
  sink("subject export", (await ask("POST", "/api/v1/subjects/export", { user: "root@nebula.example" })).text);
  const reconciler = platform.url.replace(/\d+$/, (port) => String(Number(port) + 3));
  for (const path of ["metrics", "health", "ready", "readyz"])
    sink(`reconciler's ${path}`, (await ask("GET", `${reconciler}/${path}`)).text);
  const operations = await ledger.query<{ id: string }>("select id from operations order by created_at desc limit 5");
  for (const [i, { id }] of operations.entries())
    sink(`events of operation ${i}`, (await ask("GET", `/api/v1/operations/${id}/events`)).text);

  const commands = ["doctor", "status", "db list", "ops list", "keys list", "audit list", "github check"];
  await Promise.all(
    commands.map(async (command) => {
      const answer = await platform.nebula(...command.split(" "), "-o", "json");
      sink(`nebula ${command}`, JSON.stringify(answer));
    }),
  );

  for (const file of globSync(join(platform.data, "log/**/*")).filter((path) => /\.log/.test(path)))
    sink(`log ${relative(platform.data, file)}`, readFileSync(file));
  sink("logs of databases", globSync(join(platform.data, "instances/*/*.log")).map(readQuietly).join("\n"));
  sink("settings of databases", globSync(join(platform.data, "instances/*/*.{conf,json}")).map(readQuietly).join("\n"));

  for (const [name, pool] of [
    ["ledger", ledger],
    ["forge", forge],
  ] as const)
    sink(`dump of the ${name}`, await dump(pool));
  sink("Pulumi's state and history", await pulumiState(world));
  for (const place of ["forge", "mirror"])
    sink(`Git objects in ${place}`, await gitObjects(join(platform.data, place)));
  for (const [place, pattern] of Object.entries({
    "files of the launcher": "{run,cache,mail}/**/*",
    "settings file": "settings.json",
    "Git's own files": "{forge,mirror*}/**/{config,HEAD,packed-refs,hooks/*,description,FETCH_HEAD}",
  }))
    sink(place, globSync(join(platform.data, pattern)).map(readQuietly).join("\n"));
  sink(
    "write-ahead log of the ledger",
    Buffer.concat(globSync(join(platform.data, "ledger/pgdata/pg_wal/0*")).map((file) => readFileSync(file))),
  );

  for (const main of ["portal/main.ts", "reconciler/main.ts"]) await collectCrashes(world, main);
}

async function collectCrashes(world: World, main: string): Promise<void> {
  const { platform, folder, sink, plant } = world;
  const password = plant("a wrong ledger password", `wrongcanary${crypto.randomUUID()}`);
  const [wrong, open] = [join(folder, "wrong-url"), join(folder, "open-key")];
  writeFileSync(wrong, `postgres://nebula_app:${password}@127.0.0.1:1/nebula`, { mode: 0o600 });
  const key = readFileSync(join(platform.data, "secrets/master.key"), "utf8");
  writeFileSync(open, key, { mode: 0o644 });
  const ways: Record<string, NodeJS.ProcessEnv> = {
    "that finds its port taken": {},
    "without its ledger": { NEBULA_LEDGER_URL_FILE: wrong },
    "with a key that others can read": { NEBULA_MASTER_KEY_FILE: open },
    "with a plain key": { NEBULA_MASTER_KEY: key, NEBULA_MASTER_KEY_FILE: "" },
  };
  await Promise.all([
    ...Object.entries(ways).map(async ([how, env]) => sink(`${main} ${how}`, await crash(world, main, env))),
    crash(world, main, {}, "--print-config").then((said) => sink(`${main} --print-config`, said)),
  ]);
}

/** A main that cannot start: what it says goes to a log that people paste into tickets. */
async function crash(world: World, main: string, broken: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
  const { platform, folder } = world;
  const secrets = join(platform.data, "secrets");
  const env = {
    ...{
      PATH: process.env.PATH,
      HOME: folder,
      NEBULA_DATA: folder,
      NEBULA_PORT: new URL(platform.url).port,
      NEBULA_PG_BIN: process.env.NEBULA_PG_BIN,
    },
    ...{
      NEBULA_LEDGER_URL_FILE: join(secrets, "ledger-url"),
      NEBULA_FORGE_DATABASE_URL_FILE: join(secrets, "forge-url"),
    },
    ...{ NEBULA_MASTER_KEY_FILE: join(secrets, "master.key"), NEBULA_PULUMI_BIN: "/nowhere", ...broken },
  };
  return run(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, main), ...args], {
    env,
    timeout: 20_000,
  }).then(
    ({ stdout, stderr }) => stdout + stderr,
    (failure: { stdout: string; stderr: string; message: string }) => failure.stdout + failure.stderr + failure.message,
  );
}

/** Every row of every table as text, and every bytea in clear. */
async function dump(pool: Pool): Promise<Buffer> {
  const tables = await pool.query<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  );
  const parts: string[] = [];
  for (const { name } of tables)
    parts.push(
      (await pool.query<{ row: string }>(`select t::text as row from ${name} t`)).map(({ row }) => row).join("\n"),
    );
  return Buffer.from(parts.join("\n"));
}

async function pulumiState(world: World): Promise<string> {
  const { ledger } = world;
  const schemas = await ledger.query<{ name: string }>(
    "select nspname as name from pg_namespace where nspname like 'state\\_%'",
  );
  const parts: string[] = [];
  for (const { name } of schemas) {
    const rows = await ledger.query<{ text: string }>(`select state_text(data) as text from ${name}.pulumi_state`);
    parts.push(...rows.map(({ text }) => text));
  }
  if (!parts.join("").includes("nebula:index")) throw new Error("no state of ours was read");
  return parts.join("\n");
}

async function gitObjects(folder: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const repository of globSync(join(folder, "**/HEAD"), { exclude: (name) => name === "objects" }).map((head) =>
    join(head, ".."),
  )) {
    const { stdout } = await run("git", ["cat-file", "--batch-all-objects", "--batch", "--buffer"], {
      cwd: repository,
      encoding: "buffer",
      maxBuffer: 256 << 20,
    }).catch(() => ({ stdout: Buffer.alloc(0) }));
    parts.push(stdout);
  }
  return Buffer.concat(parts);
}
