/**
 * A whole platform as a user starts it, lived in for a moment: a tenant's secret, databases, people, tokens, rotations, failures
 * and crashes. Then everything that it shows or leaves behind is searched for every secret that was in it.
 */
import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll } from "vitest";
import { readSecretFile, Secret } from "../../platform/core/index.ts";
import { makeLocalKey, openKeyring } from "../../platform/keys/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { repositoryContext, statePassphrase } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { catalogueRow } from "../harness/row.ts";
import { type Platform, startPlatform } from "../system/platform.ts";
import { type Canary, findLeaks, type Sink, shapesOf } from "./leaks.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const word = (name: string) => `canary-${name}-${crypto.randomUUID()}/+"é`;

let platform: Platform;
let folder: string;
let ledger: Pool;
let forge: Pool;
const canaries: Canary[] = [];
const sinks: Sink[] = [];
const sink = (name: string, content: string | Buffer): void => {
  sinks.push({ name, content: Buffer.from(content) });
};
const plant = (name: string, value: string): string => {
  canaries.push({ name, value });
  return value;
};

type Reply = { readonly status: number; readonly text: string; readonly headers: string };
async function ask(method: string, path: string, body?: unknown, token = platform.token): Promise<Reply> {
  const response = await fetch(path.startsWith("http") ? path : `${platform.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text(), headers: JSON.stringify([...response.headers]) };
}
const must = async (method: string, path: string, body?: unknown, token?: string): Promise<Record<string, never>> => {
  const reply = await ask(method, path, body, token);
  if (reply.status >= 300) throw new Error(`${method} ${path} answers ${reply.status}: ${reply.text.slice(0, 500)}`);
  return reply.text === "" ? {} : JSON.parse(reply.text);
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nebula-canaries-"));
  const smtp = plant("SMTP password", `canarysmtp${crypto.randomUUID()}`);
  writeFileSync(join(folder, "smtp"), `smtp://mailer:${smtp}@127.0.0.1:1/`, { mode: 0o600 });
  process.env.NEBULA_SMTP_URL_FILE = join(folder, "smtp");
  process.env.NEBULA_LOG_LEVEL = "debug";
  platform = await startPlatform();
  const owner = readSecretFile(join(platform.data, "secrets/ledger-password"));
  const address = (database: string) =>
    new Secret(
      `postgres://nebula:${owner.reveal()}@127.0.0.1:${new URL(platform.url).port.replace(/\d+/, (n) => String(Number(n) + 2))}/${database}`,
    );
  ledger = makePool({ url: address("nebula"), applicationName: "test", max: 3 });
  forge = makePool({ url: address("forge"), applicationName: "test", max: 2 });
  await live();
  await collect();
}, 280_000);

afterAll(async () => {
  delete process.env.NEBULA_SMTP_URL_FILE;
  delete process.env.NEBULA_LOG_LEVEL;
  await Promise.all([ledger?.close(), forge?.close()]);
  await platform?.close();
  rmSync(folder, { recursive: true, force: true });
}, 180_000);

/** What users and operators do, with a secret of every kind in it. */
async function live(): Promise<void> {
  const watching = watchProcesses();
  await plantInstallation();
  await plantPeople();
  await plantDatabase();
  await provoke();
  const rotated = await must("POST", "/api/v1/vault/rotate", { what: "data" });
  await must("POST", "/api/v1/vault/rotate", { what: "wrapping" });
  sink("answer of a rotation", JSON.stringify(rotated));
  const seen = await watching();
  sink("argv of every process", seen.argv);
  sink("environ of every process", seen.environ);
}

/** Those that the installation made itself, opened as it would. */
async function plantInstallation(): Promise<void> {
  for (const name of [
    "master.key",
    "ledger-password",
    "app-password",
    "forge-password",
    "admin-token",
    "git-token",
    "setup-token",
  ])
    plant(name, readFileSync(join(platform.data, "secrets", name), "utf8").trim());
  const master = () => readSecretFile(join(platform.data, "secrets/master.key"));
  const kek = makeLocalKey(master);
  const keyring = await openKeyring({ sql: ledger, kek });
  const { vault } = keyring;
  const [repository] = await ledger.query<Record<"id" | "key" | "hook" | "bot", string>>(
    "select id, app_key_sealed as key, hook_secret_sealed as hook, bot_token_sealed as bot from repositories",
  );
  if (repository === undefined) throw new Error("no repository");
  const { id, key, hook, bot } = repository;
  const appKey = vault.open(key, repositoryContext(id, "app-key")).reveal();
  plant("App key", appKey.split("\n")[5] ?? "");
  plant("hook secret", vault.open(hook, repositoryContext(id, "hook-secret")).reveal());
  plant("bot token", vault.open(bot, repositoryContext(id, "bot-token")).reveal());
  plant("state passphrase", statePassphrase(vault, "acme").reveal());
  plant("audit signing seed", vault.derive("audit:signing").reveal());
  const signing = await ledger.query<{ id: string; sealed: string }>(
    "select id, private_sealed as sealed from signing_keys where private_sealed is not null",
  );
  for (const one of signing)
    plant("session signing key", vault.open(one.sealed, `signing-key:${one.id}`).reveal().split("\n")[1] ?? "");
  for (const row of await keyring.list())
    plant(`data key ${row.purpose}`, (await kek.unwrap(row.wrapped, row.id)).toString("base64"));
  await keyring.close();
}

async function plantPeople(): Promise<void> {
  const setup = readFileSync(join(platform.data, "secrets/setup-token"), "utf8").trim();
  const password = plant("password of a person", word("person"));
  const account = { token: setup, email: "root@nebula.example", name: "Root", password };
  const set = await ask("POST", "/api/v1/auth/setup", account, "");
  const login = await ask("POST", "/api/v1/auth/login", { email: account.email, password, keep: "token" }, "");
  for (const { text } of [set, login])
    for (const found of text.matchAll(/"(accessToken|refreshToken)":"([^"]+)"/g)) plant(`${found[1]}`, found[2] ?? "");
  if (!canaries.some(({ name }) => name === "accessToken"))
    throw new Error(`nobody signed in: ${set.text} ${login.text}`);
  sink(
    "a refused sign-in",
    (await ask("POST", "/api/v1/auth/login", { email: account.email, password: word("wrong") }, "")).text,
  );
  const wanted = { name: "canary", user: "eve", role: "domain-admin", tenant: "acme" };
  const made: { key?: string } = await must("POST", "/api/v1/keys", wanted);
  plant("API key", String(made.key));
}

/** A database whose password is the tenant's own secret, from its declaration to its rotation. */
async function plantDatabase(): Promise<void> {
  const value = plant("tenant's secret", word("tenant"));
  await must("POST", "/api/v1/tenants/acme/secrets", { name: "canary", value });
  await must("POST", "/api/v1/tenants/acme/secrets", { name: "unused", value: plant("unused secret", word("unused")) });
  const checkout = join(folder, "checkout");
  const token = readFileSync(join(platform.data, "secrets/git-token"), "utf8").trim();
  const git = (...args: string[]) =>
    run("git", ["-c", "user.name=Dev", "-c", "user.email=dev@example.test", ...args], {
      cwd: args[0] === "clone" ? folder : checkout,
    });
  await git(
    "clone",
    "--quiet",
    `${platform.forgeUrl.replace("http://", `http://dev:${token}@`)}/nebula/tenants.git`,
    checkout,
  );
  const [tenant, name] = ["acme", "shop"];
  await must("POST", `/api/v1/tenants/${tenant}/secrets`, {
    name: "later",
    value: plant("a later secret", word("later")),
  });
  writeFileSync(
    join(checkout, "tenants", tenant, name, "canary.ts"),
    `import { Postgres, secret } from "@nebuladb/platform";\n\nexport default new Postgres("canary", { version: "18", password: secret("canary"), roles: [{ name: "reader" }] });\n`,
  );
  await git("switch", "--quiet", "--create", "canary");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "Add a canary");
  await git("push", "--quiet", "origin", "canary");
  const opened = await ask(
    "POST",
    `${platform.forgeApiUrl}/repos/nebula/tenants/pulls`,
    { title: "Canary", head: "canary", base: "main" },
    token,
  );
  const number = (JSON.parse(opened.text) as { number: number }).number;
  const head = (JSON.parse(opened.text) as { head: { sha: string } }).head.sha;
  const statuses = `${platform.forgeApiUrl}/repos/nebula/tenants/commits/${head}/status`;
  const states = async () => {
    const { text } = await ask("GET", statuses, undefined, token);
    return (JSON.parse(text) as { statuses: { context: string; state: string; description: string }[] }).statuses;
  };
  const checked = await eventually(
    "its checks have ended",
    async () => {
      const found = await states();
      return found.length >= 5 && found.every(({ state }) => state !== "pending") ? found : undefined;
    },
    { timeoutMs: 60_000, everyMs: 250 },
  );
  const failed = checked.filter(({ state }) => state !== "success");
  if (failed.length > 0) throw new Error(JSON.stringify(failed));
  await must("POST", `/api/v1/pulls/${number}/merge`, { headCommit: head });
  const path = `/api/v1/domain/${tenant}/project/${name}/databases/canary`;
  await eventually(
    "the database is ready",
    async () => (/"phase":"Ready"/.test((await ask("GET", path)).text) ? true : undefined),
    { timeoutMs: 90_000, everyMs: 500 },
  ).catch(async (thrown: unknown) => {
    throw new Error((await ask("GET", path)).text, { cause: thrown });
  });
  sink("a database as the API shows it", (await ask("GET", path)).text);
  const shown = await must("GET", `${path}/credentials`);
  plant("owner's password", String((shown as { password?: string }).password));
  const reader = await must("GET", `${path}/credentials?role=reader`);
  plant("reader's password", String((reader as { password?: string }).password));
  const rotation = await ask("POST", `${path}/rotate`);
  sink("answer of a password rotation", rotation.text);
  await sleep(500);
  sink("pull request", (await ask("GET", `/api/v1/pulls/${number}`)).text);
  sink(
    "comments",
    (await ask("GET", `${platform.forgeApiUrl}/repos/nebula/tenants/issues/${number}/comments`, undefined, token)).text,
  );
  sink("statuses", (await ask("GET", statuses, undefined, token)).text);
  sink(
    "check runs",
    (await ask("GET", `${platform.forgeApiUrl}/repos/nebula/tenants/commits/${head}/check-runs`, undefined, token))
      .text,
  );
  sink(
    "deployments",
    (await ask("GET", `${platform.forgeApiUrl}/repos/nebula/tenants/deployments`, undefined, token)).text,
  );
  sink("nebula pr show", JSON.stringify(await platform.nebula("pr", "show", String(number))));
  sink("nebula plan", JSON.stringify(await platform.nebula("plan", String(number))));
}

/** Everything that fails, with a secret in what it was given. */
async function provoke(): Promise<void> {
  const told = plant("a value in a bad request", word("refused"));
  const bodies = [
    ask("POST", "/api/v1/tenants/acme/secrets", { name: "NOT A NAME", value: told }),
    ask("POST", "/api/v1/tenants/nobody/secrets", { name: "x", value: told }),
    ask("POST", "/api/v1/tenants/acme/secrets", { name: "x", value: { deep: told } }),
    ask("POST", "/api/v1/tenants/acme/secrets", `{"value": "${told.replaceAll('"', "")}`),
    ask("GET", "/api/v1/auth/me", undefined, Buffer.from(told).toString("base64url")),
    ask("POST", "/api/v1/auth/refresh", { refreshToken: told }, ""),
    ask("POST", "/api/v1/auth/password/reset", { token: told, password: told }, ""),
    ask("POST", `${platform.url.replace(/\d+$/, (port) => String(Number(port) + 3))}/hooks/github`, { secret: told }),
    ask("GET", `${platform.forgeApiUrl}/user`, undefined, Buffer.from(told).toString("base64url")),
  ];
  const replies = await Promise.all(bodies);
  sink("error bodies", replies.map(({ text, headers }) => text + headers).join("\n"));
  await ledger.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'nebula_app'");
  sink("an answer without the ledger", (await ask("GET", "/api/v1/operations")).text);
}

/** A main that cannot start: what it says goes to a log that people paste into tickets. */
async function crash(main: string, broken: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
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

/** Samples what other users of the machine could see of our processes, until asked to stop. */
function watchProcesses(): () => Promise<{ argv: string; environ: string }> {
  const argv = new Set<string>();
  const environ = new Set<string>();
  let watching = true;
  const done = (async () => {
    while (watching) {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        const environment = readQuietly(`/proc/${pid}/environ`);
        if (Number(pid) === process.pid || !environment.includes(platform.data)) continue;
        environ.add(environment);
        argv.add(readQuietly(`/proc/${pid}/cmdline`));
      }
      await sleep(40);
    }
  })();
  return async () => {
    watching = false;
    await done;
    if (![...argv].some((line) => line.includes("pulumi"))) throw new Error("no pulumi command was seen running");
    return { argv: [...argv].join("\n"), environ: [...environ].join("\n") };
  };
}

const readQuietly = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};

/** Everything that there is to see. */
async function collect(): Promise<void> {
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
    "OpenAPI document": "/openapi.json",
    "reference page": "/docs",
    JWKS: "/.well-known/jwks.json",
  };
  for (const [name, path] of Object.entries(api)) sink(name, (await ask("GET", path)).text);
  sink("subject export", (await ask("POST", "/api/v1/subjects/export", { user: "root@nebula.example" })).text);
  const reconciler = platform.url.replace(/\d+$/, (port) => String(Number(port) + 3));
  for (const path of ["metrics", "health", "ready"])
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
  sink("Pulumi's state and history", await pulumiState());
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

  for (const main of ["portal/main.ts", "reconciler/main.ts"]) await collectCrashes(main);
}

async function collectCrashes(main: string): Promise<void> {
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
    ...Object.entries(ways).map(async ([how, env]) => sink(`${main} ${how}`, await crash(main, env))),
    crash(main, {}, "--print-config").then((said) => sink(`${main} --print-config`, said)),
  ]);
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

async function pulumiState(): Promise<string> {
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

/** What the same places would show if nothing were kept back: each secret once, in one of its shapes. */
function unprotected(): readonly Sink[] {
  return canaries.flatMap(({ name, value }, i) => {
    const shapes = shapesOf(value);
    return [
      {
        name: `a log line with ${name}`,
        content: Buffer.from(`{"level":"info","value":"${shapes[i % shapes.length]}"}`),
      },
    ];
  });
}

catalogueRow({
  suite: "attacks",
  name: "secrets in state, logs, comments, diffs, audit, metrics, traces",
  promise: "no secret stands in any of them, plain, in base64, in hex or escaped",
  n: { small: 40, large: 40 },
  control: { without: "anything that keeps secrets back", n: 10 },
  async run({ guarded }) {
    const searched = guarded ? sinks : unprotected();
    const violations = findLeaks(canaries, searched);
    const bytes = searched.reduce((sum, { content }) => sum + content.length, 0);
    if (guarded) {
      const empty = searched
        .filter(({ content }) => content.length === 0)
        .map(({ name }) => `${name} was empty: nothing was searched`);
      violations.push(...empty.filter((line) => !/Git's own|logs of databases|supervisor|ledger-archive/.test(line)));
    } else if (violations.length < canaries.length) return { trials: searched.length, violations: [] };
    return {
      trials: searched.length,
      violations,
      figures: { canaries: canaries.length, sinks: searched.length, searchedMb: Math.round(bytes / 1e6) },
    };
  },
});
