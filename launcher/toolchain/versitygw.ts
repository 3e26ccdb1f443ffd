/**
 * A real S3 server: behind the gateway for tenants' buckets, and for tests. NEBULA_VERSITYGW_BIN, PATH, the cache, else built with Go from
 * the modules in tools/toolchain/versitygw. Without it there are no buckets; everything else works.
 */
import { join } from "node:path";
import { setupFailed, toolMissing } from "../errors.ts";
import { cacheDir, install } from "./cache.ts";
import { isExecutable, onPath, run, tail } from "./programs.ts";
import type { Say } from "./say.ts";

const name = "versitygw";
const version = "1.8.0";
/** On a slow machine with a cold module cache; one that hangs must not keep `up` from coming up. */
const mostBuildMs = 15 * 60_000;
const modules = join(import.meta.dirname, "../../tools/toolchain", name);

/** Finds it without fetching anything. What is named is used or missing: nothing else is looked for instead. */
export function findVersitygw(env: NodeJS.ProcessEnv): string | undefined {
  const chosen = env.NEBULA_VERSITYGW_BIN;
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  const cached = join(cacheDir(env), name, version, name);
  return onPath(name, env) ?? (isExecutable(cached) ? cached : undefined);
}

/** Finds it, or builds it into the cache. @throws NEB923, NEB924 */
export async function resolveVersitygw(env: NodeJS.ProcessEnv, say: Say): Promise<string> {
  const found = findVersitygw(env);
  if (found !== undefined) return found;
  if (env.NEBULA_VERSITYGW_BIN)
    throw toolMissing(`NEBULA_VERSITYGW_BIN=${env.NEBULA_VERSITYGW_BIN} is no program that may be run`, {
      hint: "Name the program itself, or leave the variable out to have it built.",
    });
  if (onPath("go", env) === undefined)
    throw toolMissing("versitygw, the S3 server behind buckets, is not on PATH, and go is missing to build it", {
      hint: "Install Go 1.25 or newer, or put versitygw 1.8 on PATH.",
    });
  const folder = await install(cacheDir(env), name, version, async (draft) => {
    say.step(`building ${name} ${version} with go, once; it takes a minute or two`);
    const flags = ["build", "-trimpath", "-ldflags", "-s -w", "-o", join(draft, name)];
    const made = await run("go", [...flags, `github.com/versity/${name}/cmd/${name}`], {
      cwd: modules,
      env: { ...env, CGO_ENABLED: "0", GOWORK: "off" },
      onLine: (line) => say.detail(line),
      timeoutMs: mostBuildMs,
    });
    say.done();
    if (made.code !== 0) throw setupFailed(`go build of ${name} failed: ${tail(made.stderr, 3)}`);
  });
  return join(folder, name);
}

/** The same for `nebula up`, which goes on without it and says so. */
export async function tryVersitygw(env: NodeJS.ProcessEnv, say: Say): Promise<string | undefined> {
  try {
    return await resolveVersitygw(env, say);
  } catch (thrown) {
    say.line(`No buckets: ${thrown instanceof Error ? thrown.message : String(thrown)}. Everything else works.`);
    return undefined;
  }
}
