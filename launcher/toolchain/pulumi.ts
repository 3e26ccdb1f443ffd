/**
 * Where the Pulumi command line comes from: NEBULA_PULUMI_BIN, PATH, the cache, Pulumi's own download, Go.
 *
 * 1. One found is used only from the version on that the SDK of package.json was made for.
 * 2. The download gets five seconds to answer; a machine that cannot reach it loses no more time than that.
 * 3. The Go modules in tools/toolchain are complete: go.sum is committed, a build needs a module proxy and nothing else.
 */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { cp, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { checksumMismatch, diskFull, setupFailed, toolMissing } from "../errors.ts";
import { cacheDir, install } from "./cache.ts";
import { allOnPath, isExecutable, onPath, run, tail } from "./programs.ts";
import type { Say } from "./say.ts";

export type Pulumi = {
  readonly path: string;
  readonly version: string;
  readonly source: "NEBULA_PULUMI_BIN" | "PATH" | "cache";
};

export const wanted = { pulumi: "3.258.0", languageHost: "3.68.0" };
const modules = join(import.meta.dirname, "../../tools/toolchain");
const name = "pulumi";
const languageName = "pulumi-language-nodejs";

/** Finds a command line without fetching anything. */
export async function findPulumi(env: NodeJS.ProcessEnv): Promise<Pulumi | undefined> {
  if (env.NEBULA_PULUMI_BIN) return probe(env.NEBULA_PULUMI_BIN, "NEBULA_PULUMI_BIN");
  for (const path of allOnPath(name, env)) {
    const found = await probe(path, "PATH");
    if (found) return found;
  }
  const cached = join(cacheDir(env), name, wanted.pulumi, name);
  return isExecutable(cached) ? { path: cached, version: wanted.pulumi, source: "cache" } : undefined;
}

/** Finds a command line, or makes one in the cache. @throws NEB923, NEB924, NEB925 */
export async function resolvePulumi(env: NodeJS.ProcessEnv, say: Say): Promise<Pulumi> {
  const found = await findPulumi(env);
  if (found) return found;
  if (env.NEBULA_PULUMI_BIN)
    throw toolMissing(`NEBULA_PULUMI_BIN=${env.NEBULA_PULUMI_BIN} is no pulumi of version ${wanted.pulumi} or newer`);
  const folder = await install(cacheDir(env), name, wanted.pulumi, async (draft) => {
    const refusal = await download(draft, say);
    if (refusal === undefined) return;
    if (onPath("go", env) === undefined)
      throw toolMissing(
        `the Pulumi command line is not on PATH, its download did not work (${refusal}), and go is missing`,
        {
          hint: `Install the Pulumi command line ${wanted.pulumi} or newer, or Go 1.25 or newer to have it built, and run this again.`,
        },
      );
    await build(draft, name, `github.com/pulumi/pulumi/pkg/v3/cmd/${name}`, wanted.pulumi, env, say);
    await build(draft, languageName, languagePackage, wanted.languageHost, env, say);
  });
  return { path: join(folder, name), version: wanted.pulumi, source: "cache" };
}

const languagePackage = `github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/${languageName}`;

/** The program that `pulumi up` needs to run our Node program. Inline Automation programs do without it. */
export async function resolveLanguageHost(pulumi: Pulumi, env: NodeJS.ProcessEnv, say: Say): Promise<string> {
  const found = findLanguageHost(pulumi, env);
  if (found) return found;
  const folder = await install(cacheDir(env), languageName, wanted.languageHost, (draft) =>
    build(draft, languageName, languagePackage, wanted.languageHost, env, say),
  );
  return join(folder, languageName);
}

export function findLanguageHost(pulumi: Pulumi, env: NodeJS.ProcessEnv): string | undefined {
  const beside = join(dirname(pulumi.path), languageName);
  const cached = join(cacheDir(env), languageName, wanted.languageHost, languageName);
  return [beside, ...allOnPath(languageName, env), cached].find(isExecutable);
}

async function probe(path: string, source: Pulumi["source"]): Promise<Pulumi | undefined> {
  if (!isExecutable(path)) return undefined;
  const asked = await run(path, ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" },
    timeoutMs: 10_000,
  });
  const version = /v?(\d+\.\d+\.\d+)/.exec(asked.stdout)?.[1];
  return version !== undefined && isAtLeast(version, wanted.pulumi) ? { path, version, source } : undefined;
}

export function isAtLeast(version: string, floor: string): boolean {
  const [have, need] = [version, floor].map((text) => text.split(".").map(Number)) as [number[], number[]];
  const at = need.findIndex((part, i) => (have[i] ?? 0) !== part);
  return at === -1 || (have[at] ?? 0) > (need[at] ?? 0);
}

/** Fills the folder from Pulumi's release, or says why not. */
async function download(folder: string, say: Say): Promise<string | undefined> {
  const os = process.platform === "darwin" ? "darwin" : "linux";
  const archive = `pulumi-v${wanted.pulumi}-${os}-${process.arch}.tar.gz`;
  const file = join(folder, archive);
  say.step(`fetching pulumi ${wanted.pulumi}`);
  try {
    const response = await get(`https://get.pulumi.com/releases/sdk/${archive}`);
    if (!response.ok || response.body === null) return `status ${response.status}`;
    await pipeline(Readable.fromWeb(response.body), createWriteStream(file));
    await verify(file, archive, say);
  } catch (thrown) {
    if ((thrown as { code?: string }).code === checksumMismatch.definition.code) throw thrown;
    await rm(file, { force: true });
    return reasonOf(thrown);
  }
  const unpacked = await run("tar", ["-xzf", archive], { cwd: folder });
  if (unpacked.code !== 0) return tail(unpacked.stderr, 1);
  for (const program of [name, languageName]) await cp(join(folder, "pulumi", program), join(folder, `${program}.new`));
  await rm(join(folder, "pulumi"), { recursive: true });
  await rm(file);
  for (const program of [name, languageName]) await run("mv", [`${program}.new`, program], { cwd: folder });
  return undefined;
}

async function get(url: string): Promise<Response> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error("no answer within 5 s")), 5_000);
  try {
    return await fetch(url, { signal: limit.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Against the checksums that the release publishes elsewhere; where they cannot be had, that is said. */
async function verify(file: string, archive: string, say: Say): Promise<void> {
  const url = `https://github.com/pulumi/pulumi/releases/download/v${wanted.pulumi}/pulumi-${wanted.pulumi}-checksums.txt`;
  const published = await get(url).then(
    async (response) => (response.ok ? response.text() : ""),
    () => "",
  );
  const expected = published
    .split("\n")
    .find((line) => line.trim().endsWith(archive))
    ?.slice(0, 64);
  if (expected === undefined) return say.line(`  the checksum of ${archive} could not be fetched; trusting TLS alone`);
  const actual = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  if (actual !== expected) throw checksumMismatch(`${archive} has the SHA-256 ${actual}, not the published one`);
}

function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  return cause instanceof Error ? cause.message : String(cause);
}

async function build(
  folder: string,
  tool: string,
  target: string,
  version: string,
  env: NodeJS.ProcessEnv,
  say: Say,
): Promise<void> {
  const cwd = join(modules, tool);
  const goEnv = { ...env, CGO_ENABLED: "0", GOWORK: "off" };
  say.step(`building ${tool} ${version} with go, once; a first build takes some minutes`);
  const listed = await run("go", ["list", "-deps", target], { cwd, env: goEnv, onLine: (line) => say.detail(line) });
  const total = listed.stdout.trim().split("\n").length;
  let built = 0;
  const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`;
  const made = await run("go", ["build", "-v", "-trimpath", "-ldflags", flags, "-o", join(folder, tool), target], {
    cwd,
    env: goEnv,
    onLine: () => say.detail(`${++built} of at most ${total} packages`),
  });
  say.done();
  if (made.code === 0) return;
  const said = listed.code === 0 ? made.stderr : listed.stderr;
  if (/no space left on device/i.test(said)) throw diskFull(`no space left to build ${tool}`);
  throw setupFailed(`go build of ${tool} failed: ${tail(said, 3)}`, {
    hint: `Install the Pulumi command line ${wanted.pulumi} or newer and put it on PATH, or give go access to a module proxy.`,
  });
}
