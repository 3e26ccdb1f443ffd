/**
 * Programs that tests alone need, from Debian's packages: PATH, the cache, else `apt-get download` of the packages, unpacked into the
 * cache. Nothing is installed and nothing is started; what is not on a Debian has to be on PATH.
 *
 * 1. apt checks what it fetches by its own keys. Where the system has no lists of packages, lists of our own are read for this once.
 * 2. What cannot be had is said with its reason and what to do: the tests over it are then skipped by name.
 */
import { globSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setupFailed, toolMissing } from "../errors.ts";
import { cacheDir, install } from "./cache.ts";
import { isExecutable, onPath, type Ran, run, tail } from "./programs.ts";
import type { Say } from "./say.ts";

export type DebianTool = {
  /** Of the folder in the cache. */
  readonly name: string;
  readonly version: string;
  readonly packages: readonly string[];
  /** Which all have to be there. */
  readonly programs: readonly string[];
};

/** `promtool` judges rules, `prometheus` scrapes once. */
export const prometheusTool: DebianTool = {
  ...{ name: "prometheus", version: "2", packages: ["prometheus"], programs: ["prometheus", "promtool"] },
};

/** With the libraries that only it uses. */
export const redisTool: DebianTool = {
  ...{ name: "redis", version: "7", programs: ["redis-server"] },
  packages: [
    "redis-tools",
    "redis-server",
    "libjemalloc2",
    "liblzf1",
    "liblua5.1-0",
    "lua-cjson",
    "lua-bitop",
    "libatomic1",
  ],
};

export type DebianFound = {
  readonly paths: Readonly<Record<string, string>>;
  /** What its processes need in their environment: libraries that are not installed. */
  readonly env: Readonly<Record<string, string>>;
};

/** Finds all its programs without fetching anything. */
export function findDebianTool(tool: DebianTool, env: NodeJS.ProcessEnv): DebianFound | undefined {
  const named = tool.programs.flatMap((program) => {
    const path = onPath(program, env);
    return path === undefined ? [] : [[program, path] as const];
  });
  if (named.length === tool.programs.length) return { paths: Object.fromEntries(named), env: {} };
  return unpackedIn(join(cacheDir(env), tool.name, tool.version), tool);
}

function unpackedIn(folder: string, { programs }: DebianTool): DebianFound | undefined {
  const paths = programs.map((program) => [program, join(folder, "usr/bin", program)] as const);
  if (!paths.every(([, path]) => isExecutable(path))) return undefined;
  const libraries = globSync("usr/lib/*-linux-gnu*", { cwd: folder }).map((path) => join(folder, path));
  return {
    paths: Object.fromEntries(paths),
    env: libraries.length === 0 ? {} : { LD_LIBRARY_PATH: libraries.join(":") },
  };
}

/** Finds them, or unpacks the packages into the cache. @throws NEB923, NEB924 */
export async function resolveDebianTool(tool: DebianTool, env: NodeJS.ProcessEnv, say: Say): Promise<DebianFound> {
  const found = findDebianTool(tool, env);
  if (found !== undefined) return found;
  const programs = tool.programs.join(" and ");
  const missing = ["apt-get", "dpkg-deb"].filter((program) => onPath(program, env) === undefined);
  if (missing.length > 0)
    throw toolMissing(`not on PATH: ${programs}; and to fetch them: ${missing.join(", ")}`, { hint: adviceFor(tool) });
  const folder = await install(cacheDir(env), tool.name, tool.version, async (draft) => {
    say.step(`fetching ${tool.name} for the tests, once`);
    const parts = join(draft, "packages");
    mkdirSync(parts);
    const fetched = await download(tool, parts, env);
    say.done();
    if (fetched.code !== 0)
      throw setupFailed(`apt-get download of ${tool.packages.join(", ")} failed: ${tail(fetched.stderr, 2)}`, {
        hint: adviceFor(tool),
      });
    for (const part of globSync("*.deb", { cwd: parts })) {
      const unpacked = await run("dpkg-deb", ["-x", join(parts, part), draft], { cwd: parts, env, timeoutMs: 120_000 });
      if (unpacked.code !== 0) throw setupFailed(`unpacking ${part} failed: ${tail(unpacked.stderr, 1)}`);
    }
    await run("rm", ["-rf", parts]);
  });
  const unpacked = unpackedIn(folder, tool);
  if (unpacked === undefined) throw setupFailed(`the packages in ${folder} do not hold ${programs}`);
  return unpacked;
}

/** The same for tests, which are skipped by name without it: the reason is a part of their names. */
export async function tryDebianTool(
  tool: DebianTool,
  env: NodeJS.ProcessEnv,
  say: Say,
): Promise<{ readonly found: DebianFound } | { readonly reason: string }> {
  try {
    return { found: await resolveDebianTool(tool, env, say) };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message.split("\n").at(-1) : String(thrown);
    const reason = `no ${tool.programs.join(" and ")}: ${why}`;
    say.line(`${reason}. Tests that need it are skipped and say so. ${adviceFor(tool)}`);
    return { reason };
  }
}

const adviceFor = ({ packages, programs }: DebianTool): string =>
  `Install ${programs.join(" and ")} (on Debian and Ubuntu: \`apt-get install ${packages[0]}\`, after \`apt-get update\`), or put them on PATH.`;

/** With the system's lists of packages, else with lists of our own, which nobody has to be root for. */
async function download({ packages }: DebianTool, into: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  const options = { cwd: into, env, timeoutMs: 180_000 };
  const fetched = await run("apt-get", ["download", "-q", ...packages], options);
  if (fetched.code === 0) return fetched;
  const [state, cache] = [join(into, "state"), join(into, "cache")];
  for (const folder of [join(state, "lists/partial"), join(cache, "archives/partial")])
    mkdirSync(folder, { recursive: true });
  const apart = ["-q", "-o", `Dir::State=${state}`, "-o", `Dir::Cache=${cache}`];
  const listed = await run("apt-get", ["update", ...apart], options);
  return listed.code === 0 ? run("apt-get", ["download", ...apart, ...packages], options) : fetched;
}
