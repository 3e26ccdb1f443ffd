/** A moment in a platform's life with a secret of every kind in it. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { readSecretFile } from "../../platform/core/index.ts";
import { makeLocalKey, openKeyring } from "../../platform/keys/index.ts";
import { repositoryContext, statePassphrase } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type World, word } from "./canaries.ts";

const run = promisify(execFile);

/** What users and operators do, with a secret of every kind in it. */
export async function live(world: World): Promise<void> {
  const { sink, must } = world;
  const watching = watchProcesses(world);
  await plantInstallation(world);
  await plantPeople(world);
  await plantDatabase(world);
  await provoke(world);
  const rotated = await must("POST", "/api/v1/vault/rotate", { what: "data" });
  await must("POST", "/api/v1/vault/rotate", { what: "wrapping" });
  sink("answer of a rotation", JSON.stringify(rotated));
  const seen = await watching();
  sink("argv of every process", seen.argv);
  sink("environ of every process", seen.environ);
}

/** Those that the installation made itself, opened as it would. */
async function plantInstallation(world: World): Promise<void> {
  const { platform, ledger, plant } = world;
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

async function plantPeople(world: World): Promise<void> {
  const { platform, canaries, sink, plant, ask, must } = world;
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
async function plantDatabase(world: World): Promise<void> {
  const { platform, folder, sink, plant, ask, must } = world;
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
  // Whoever looks again at a pull request says once more that it is being looked at.
  const merge = () => must("POST", `/api/v1/pulls/${number}/merge`, { headCommit: head });
  await eventually("it is merged", merge, { timeoutMs: 60_000, everyMs: 500 });
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
async function provoke(world: World): Promise<void> {
  const { platform, ledger, sink, plant, ask } = world;
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

/** Samples what other users of the machine could see of our processes, until asked to stop. */
function watchProcesses(world: World): () => Promise<{ argv: string; environ: string }> {
  const { platform } = world;
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

/** What is gone meanwhile, or not ours, is nothing. */
export const readQuietly = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};
