/**
 * Drivers that tenants use besides node's `pg`, fetched once into the cache: psycopg and asyncpg by pip, JDBC's by Maven. Where a
 * machine has no Python, Java or Maven, what is thrown says so and what to install.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheDir } from "../../launcher/index.ts";

const run = promisify(execFile);

const python = { psycopg: "3.2.13", asyncpg: "0.30.0" } as const;
const jdbc = "42.7.13";
const mavenCopy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/** A folder for PYTHONPATH. */
export async function pythonDrivers(): Promise<string> {
  await mustRun("python3", ["--version"], "Python 3 with pip");
  const packages = [`psycopg[binary]==${python.psycopg}`, `asyncpg==${python.asyncpg}`];
  return once(`python-${python.psycopg}-${python.asyncpg}`, async (folder) => {
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder, ...packages];
    await mustRun("python3", args, "Python 3 with pip, and a package index that it reaches");
  });
}

const schemathesis = "4.32.5";

/** A folder for PYTHONPATH: what makes requests out of an OpenAPI document. */
export async function fuzzer(): Promise<string> {
  await mustRun("python3", ["--version"], "Python 3 with pip");
  return once(`schemathesis-${schemathesis}`, async (folder) => {
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder];
    const what = "Python 3 with pip, and a package index that it reaches";
    await mustRun("python3", [...args, `schemathesis==${schemathesis}`], what);
  });
}

/** The driver's jar. */
export async function jdbcDriver(): Promise<string> {
  await mustRun("java", ["-version"], "Java 17 or newer");
  const name = `postgresql-${jdbc}.jar`;
  const folder = await once(`jdbc-${jdbc}`, async (target) => {
    const args = ["-q", "-B", mavenCopy, `-Dartifact=org.postgresql:postgresql:${jdbc}`, `-DoutputDirectory=${target}`];
    await mustRun("mvn", args, "Maven, and a repository that it reaches");
  });
  return join(folder, name);
}

async function mustRun(program: string, args: readonly string[], what: string): Promise<void> {
  await run(program, [...args], { timeout: 300_000 }).catch((thrown: Error & { stderr?: string }) => {
    throw new Error(`this test needs ${what}: ${thrown.stderr?.trim().split("\n").at(-1) || thrown.message}`);
  });
}

/** Made beside its place and renamed: two test files at once do each other no harm. */
async function once(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const home = join(cacheDir(process.env), "clients");
  const place = join(home, name);
  if (existsSync(place)) return place;
  mkdirSync(home, { recursive: true });
  const fresh = mkdtempSync(join(home, ".new-"));
  try {
    await make(fresh);
    if (!existsSync(place)) renameSync(fresh, place);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return place;
}
