/**
 * `nebula test [suite or file...]`: the checks (types, lint, rooms, docs) and the vitest suites, after set-up. The last line on standard
 * output is `N passed, N failed`: one for each test, one for each check, one more for each file that could not be run.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative, resolve } from "node:path";
import { repository } from "../data-folder.ts";
import { unknownName } from "../errors.ts";
import type { Format } from "../print.ts";
import { prometheusTool, redisTool, tryDebianTool } from "../toolchain/debian.ts";
import { tryPgBouncer } from "../toolchain/pgbouncer.ts";
import { resolvePostgres } from "../toolchain/postgres.ts";
import { resolveLanguageHost, resolvePulumi } from "../toolchain/pulumi.ts";
import { makeSay } from "../toolchain/say.ts";
import { readRows, rowTable } from "./rows.ts";
import { bin, type Channel, runNode, runVitest, type Tally } from "./vitest.ts";

type Result = Tally & { readonly name: string };

const checks: Readonly<Record<string, readonly string[]>> = {
  types: [bin("tsc"), "-p", "tsconfig.json"],
  lint: [bin("biome"), "check", "."],
  rooms: [join(repository, "tools/rooms.ts")],
  docs: [join(repository, "tools/errors-doc.ts"), "--check"],
  roles: [join(repository, "tools/roles-doc.ts"), "--check"],
  rules: [join(repository, "tools/observability.ts"), "--check"],
};

/** Tests beside the code; every other suite is a folder of tests/. */
const unitRooms = ["platform", "reconciler", "portal", "gateway", "launcher", "tools", "charts", "bench"];

export function suiteNames(): string[] {
  const folders = readdirSync(join(repository, "tests"), { withFileTypes: true });
  return [
    "unit",
    ...folders.filter((entry) => entry.isDirectory() && entry.name !== "fixtures").map(({ name }) => name),
  ];
}

type TestOptions = {
  readonly output: Format;
  /** The large n of every fault and attack, with real times: hours. */
  readonly soak?: boolean;
};

/** Returns whether everything passed. */
export async function test(names: readonly string[], options: TestOptions): Promise<boolean> {
  requireKnown(names);
  const wanted = (name: string) => names.length === 0 || names.includes(name);
  const folder = mkdtempSync(join(tmpdir(), "nebula-results-"));
  try {
    return await run(names, wanted, folder, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A suite, a check, or the path of a test file, from here or from the repository. */
function requireKnown(names: readonly string[]): void {
  const known = [...Object.keys(checks), ...suiteNames()];
  const stranger = names.find((name) => !known.includes(name) && testFile(name) === undefined);
  if (stranger === undefined) return;
  const what = stranger.includes("/") || stranger.endsWith(".ts") ? "test file" : "suite";
  throw unknownName(`there is no ${what} ${stranger}`, {
    hint: `Suites: ${known.join(", ")}; or the path of a test file, for example tests/faults/kill-postgres.test.ts`,
  });
}

/** Its path inside the repository; undefined for what is no test file of it. */
export function testFile(name: string): string | undefined {
  if (!name.endsWith(".test.ts")) return undefined;
  const found = [resolve(name), join(repository, name)].find((path) => existsSync(path));
  const inside = found === undefined ? ".." : relative(repository, found);
  return inside.startsWith("..") ? undefined : inside;
}

async function run(
  names: readonly string[],
  wanted: (name: string) => boolean,
  folder: string,
  options: TestOptions,
): Promise<boolean> {
  const rowFile = join(folder, "rows.jsonl");
  const scale = options.soak ? { NEBULA_SCALE: "large" } : {};
  const chosen = [...suiteNames().filter(wanted).flatMap(foldersOf), ...names.flatMap((name) => testFile(name) ?? [])];
  const filters = names.length === 0 ? [] : chosen;
  const env = { ...(await prepare(chosen)), ...scale, NEBULA_ROWS: rowFile };
  const results: Result[] = [];
  const stdout = options.output === "table" ? "inherit" : 2;
  for (const [name, command] of Object.entries(checks))
    if (wanted(name)) results.push(await runCheck(name, command, { env, stdio: ["ignore", stdout, "inherit"] }));
  if (chosen.length > 0)
    results.push({
      name: "tests",
      ...(await runVitest(filters, folder, { env, stdio: ["ignore", stdout, "inherit"] })),
    });
  const rows = readRows(rowFile);
  const total = results.reduce(
    (sum, result) => ({ passed: sum.passed + result.passed, failed: sum.failed + result.failed }),
    { passed: 0, failed: 0 },
  );
  if (options.output === "table" && rows.length > 0) process.stdout.write(`\n${rowTable(rows)}\n`);
  if (options.output === "table") process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
  else process.stdout.write(`${JSON.stringify({ ...total, results, rows }, null, 2)}\n`);
  return total.failed === 0;
}

/** Set-up first, so that a missing tool is one clear message and not a hundred failures. */
async function prepare(files: readonly string[]): Promise<NodeJS.ProcessEnv> {
  const say = makeSay();
  const postgres = await resolvePostgres(process.env, say);
  const pulumi = await resolvePulumi(process.env, say);
  const languageHost = await resolveLanguageHost(pulumi, process.env, say);
  const pgBouncer = await tryPgBouncer(process.env, say);
  if (files.some((path) => path.startsWith("tests/observability")))
    for (const tool of [prometheusTool, redisTool]) await tryDebianTool(tool, process.env, say);
  say.done();
  return {
    ...process.env,
    PATH: [dirname(process.execPath), process.env.PATH, dirname(languageHost)].join(delimiter),
    NEBULA_PG_BIN: postgres.binDir,
    NEBULA_PULUMI_BIN: pulumi.path,
    ...(pgBouncer === undefined ? {} : { NEBULA_PGBOUNCER_BIN: pgBouncer.path }),
  };
}

async function runCheck(name: string, command: readonly string[], channel: Channel): Promise<Result> {
  process.stderr.write(`check ${name}\n`);
  const code = await runNode(command, channel);
  return { name, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
}

/** Beside the folder of its name: rooms whose tests belong to what it is about. */
const roomsOf: Readonly<Record<string, readonly string[]>> = {
  unit: unitRooms,
  billing: [
    "tests/billing",
    "tests/usage",
    "platform/billing",
    "platform/metering",
    "platform/notify",
    "platform/pricing",
    "platform/savings",
    "platform/spending",
    "platform/stripe",
    "platform/webhooks",
    "reconciler/billing",
    "reconciler/budgets",
    "reconciler/payments",
    "reconciler/usage",
  ],
  "data-api": [
    "tests/data-api",
    "gateway/rest",
    "gateway/web",
    "gateway/statements",
    "gateway/changes",
    "platform/migrations",
  ],
  files: ["tests/files", "gateway/files", "platform/files"],
  observability: ["tests/observability", "platform/telemetry", "portal/metrics", "reconciler/metrics"],
};

const foldersOf = (suite: string): readonly string[] =>
  (roomsOf[suite] ?? [`tests/${suite}`]).map((path) => `${path}/`);
