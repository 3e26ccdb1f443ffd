/**
 * Where PgBouncer comes from: NEBULA_PGBOUNCER_BIN, PATH, the cache, its own source. Without it the direct endpoint works alone.
 *
 * 1. One found is used only from the version on that the pooled endpoint was tested with, and only when it can speak TLS.
 * 2. A source is used only if its checksum is the one written here; who delivers it does not matter.
 * 3. libevent is built beside it and linked into it, so that the program needs nothing but the C library and OpenSSL.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { checksumMismatch, diskFull, setupFailed, toolMissing } from "../errors.ts";
import { cacheDir, install } from "./cache.ts";
import { sharedCache, writableCache } from "./postgres.ts";
import { allOnPath, isExecutable, onPath, run, tail } from "./programs.ts";
import { isAtLeast } from "./pulumi.ts";
import type { Say } from "./say.ts";

export type PgBouncer = {
  readonly path: string;
  readonly version: string;
  readonly source: "NEBULA_PGBOUNCER_BIN" | "PATH" | "cache";
};

type Source = { readonly file: string; readonly sha256: string; readonly urls: readonly string[] };

const name = "pgbouncer";
/** The first one with what the pooled endpoint needs: prepared statements, an auth_query for each database, errors passed on. */
export const wantedPgBouncer = { floor: "1.24.0", built: "1.24.1" };

const debian = "http://deb.debian.org/debian/pool/main";
const sources = {
  pgbouncer: {
    file: `pgbouncer-${wantedPgBouncer.built}.tar.gz`,
    sha256: "da72a3aba13072876d055a3e58dd4aba4a5de4ed6148e73033185245598fd3e0",
    urls: [
      `${debian}/p/pgbouncer/pgbouncer_${wantedPgBouncer.built}.orig.tar.gz`,
      `https://www.pgbouncer.org/downloads/files/${wantedPgBouncer.built}/pgbouncer-${wantedPgBouncer.built}.tar.gz`,
    ],
  },
  libevent: {
    file: "libevent-2.1.12-stable.tar.gz",
    sha256: "92e6de1be9ec176428fd2367677e61ceffc2ee1cb119035037a27d346b0403bb",
    urls: [
      `${debian}/libe/libevent/libevent_2.1.12-stable.orig.tar.gz`,
      "https://github.com/libevent/libevent/releases/download/release-2.1.12-stable/libevent-2.1.12-stable.tar.gz",
    ],
  },
} satisfies Record<string, Source>;

/** Finds it without fetching anything. */
export async function findPgBouncer(env: NodeJS.ProcessEnv): Promise<PgBouncer | undefined> {
  if (env.NEBULA_PGBOUNCER_BIN) return probe(env.NEBULA_PGBOUNCER_BIN, "NEBULA_PGBOUNCER_BIN");
  const usual = ["/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"].filter(isExecutable);
  for (const path of new Set([...allOnPath(name, env), ...usual])) {
    const found = await probe(path, "PATH");
    if (found) return found;
  }
  for (const cache of [cacheDir(env), sharedCache]) {
    const found = await probe(join(cache, name, wantedPgBouncer.built, name), "cache");
    if (found) return found;
  }
  return undefined;
}

/** Finds it, or builds it into the cache. @throws NEB922, NEB923, NEB924, NEB925 */
export async function resolvePgBouncer(env: NodeJS.ProcessEnv, say: Say): Promise<PgBouncer> {
  const found = await findPgBouncer(env);
  if (found) return found;
  if (env.NEBULA_PGBOUNCER_BIN)
    throw toolMissing(
      `NEBULA_PGBOUNCER_BIN=${env.NEBULA_PGBOUNCER_BIN} is no PgBouncer ${wantedPgBouncer.floor} or newer that speaks TLS`,
      { hint: "Name the program itself, or leave the variable out to have it built." },
    );
  mustHaveCompiler(env);
  const folder = await install(await writableCache(env), name, wantedPgBouncer.built, (draft) =>
    build(draft, env, say),
  );
  const built = await probe(join(folder, name), "cache");
  if (built === undefined) throw setupFailed(`the PgBouncer that was built in ${folder} does not run`);
  return built;
}

/** The same for `nebula up`, which goes on without it and says so. */
export async function tryPgBouncer(env: NodeJS.ProcessEnv, say: Say): Promise<PgBouncer | undefined> {
  try {
    return await resolvePgBouncer(env, say);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    say.line(`No pooled endpoint: ${reason}. The direct endpoint works alone; \`nebula doctor\` says what to install.`);
    return undefined;
  }
}

async function probe(path: string, source: PgBouncer["source"]): Promise<PgBouncer | undefined> {
  if (!isExecutable(path)) return undefined;
  const asked = await run(path, ["--version"], { cwd: "/", timeoutMs: 10_000 });
  const version = /PgBouncer (\d+\.\d+\.\d+)/.exec(asked.stdout)?.[1];
  const speaksTls = /^tls: (?!none)/im.test(asked.stdout);
  const fits = version !== undefined && speaksTls && isAtLeast(version, wantedPgBouncer.floor);
  return fits ? { path, version, source } : undefined;
}

const compilers = ["cc", "gcc", "clang"];

function mustHaveCompiler(env: NodeJS.ProcessEnv): void {
  const missing = [
    ...(compilers.some((compiler) => onPath(compiler, env)) ? [] : ["a C compiler"]),
    ...["make", "tar"].filter((tool) => onPath(tool, env) === undefined),
  ];
  if (missing.length > 0)
    throw toolMissing(`PgBouncer is not on PATH, and ${missing.join(" and ")} to build it is missing`, {
      hint: advice,
    });
}

const advice = `Install PgBouncer ${wantedPgBouncer.floor} or newer, or a C compiler, make and OpenSSL's headers (libssl-dev) to have it built.`;

async function build(draft: string, env: NodeJS.ProcessEnv, say: Say): Promise<void> {
  const site = join(draft, "building");
  mkdirSync(site);
  say.step(`building PgBouncer ${wantedPgBouncer.built}, once; about a minute`);
  const libevent = await unpack(sources.libevent, site, env, say);
  const prefix = join(site, "libevent");
  await step(libevent, "./configure", [...libeventOptions, `--prefix=${prefix}`], env, say);
  await step(libevent, "make", [jobs, "install"], env, say);
  const pgbouncer = await unpack(sources.pgbouncer, site, env, say);
  const linked = {
    ...env,
    LIBEVENT_CFLAGS: `-I${join(prefix, "include")}`,
    LIBEVENT_LIBS: join(prefix, "lib", "libevent.a"),
  };
  await step(pgbouncer, "./configure", ["--quiet", "--without-cares", "--without-pam", "--with-openssl"], linked, say);
  await step(pgbouncer, "make", [jobs, name], linked, say);
  await cp(join(pgbouncer, name), join(draft, name));
  await cp(join(pgbouncer, "COPYRIGHT"), join(draft, "COPYRIGHT"));
  await run("rm", ["-rf", site]);
  say.done();
}

const jobs = `-j${availableParallelism()}`;
const libeventOptions = [
  "--quiet",
  "--disable-shared",
  "--disable-openssl",
  "--disable-samples",
  "--disable-libevent-regress",
  "--disable-debug-mode",
];

async function step(cwd: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv, say: Say) {
  say.detail(`${program === "make" ? "compiling" : "configuring"} ${cwd.split("/").at(-1)}`);
  const made = await run(program, args, { cwd, env, timeoutMs: 900_000 });
  if (made.code === 0) return;
  const said = `${made.stdout}\n${made.stderr}`;
  if (/no space left on device/i.test(said)) throw diskFull("no space left to build PgBouncer");
  throw setupFailed(`building PgBouncer failed: ${tail(made.stderr || made.stdout, 3)}`, { hint: advice });
}

/** Fetches and checks an archive and unpacks it; the folder it held. */
async function unpack({ file, sha256, urls }: Source, site: string, env: NodeJS.ProcessEnv, say: Say): Promise<string> {
  say.detail(`fetching ${file}`);
  const archive = join(site, file);
  writeFileSync(archive, await fetchFirst(urls, file, sha256));
  const unpacked = await run("tar", ["-xzf", archive, "--no-same-owner"], { cwd: site, env });
  if (unpacked.code !== 0) throw setupFailed(`unpacking ${file} failed: ${tail(unpacked.stderr, 1)}`);
  const folder = join(site, file.replace(/\.tar\.gz$/, ""));
  if (!existsSync(join(folder, "configure"))) throw setupFailed(`${file} does not hold what it should`);
  return folder;
}

async function fetchFirst(urls: readonly string[], file: string, sha256: string): Promise<Buffer> {
  const problems: string[] = [];
  for (const url of urls) {
    const bytes = await fetchBytes(url).catch((thrown: unknown) => {
      problems.push(`${new URL(url).hostname}: ${reasonOf(thrown)}`);
      return undefined;
    });
    if (bytes === undefined) continue;
    return verifyArchive(bytes, file, sha256);
  }
  throw setupFailed(`${file} could not be fetched (${problems.join("; ")})`, { hint: advice });
}

/** Five seconds to answer, two minutes for the whole. */
async function fetchBytes(url: string): Promise<Buffer> {
  const limit = new AbortController();
  let timer = setTimeout(() => limit.abort(new Error("no answer within 5 s")), 5_000);
  try {
    const response = await fetch(url, { signal: limit.signal });
    if (!response.ok) throw new Error(`status ${response.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => limit.abort(new Error("too slow")), 120_000);
    return Buffer.from(await response.arrayBuffer());
  } finally {
    clearTimeout(timer);
  }
}

/** @throws NEB925 when the bytes are not the pinned ones. */
export function verifyArchive(bytes: Buffer, file: string, sha256: string): Buffer {
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== sha256) throw checksumMismatch(`${file} has the SHA-256 ${actual}, not the one that NebulaDB pins`);
  return bytes;
}

function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  return cause instanceof Error ? cause.message : String(cause);
}
