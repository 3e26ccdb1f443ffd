/**
 * A real S3 server for tests: PATH, the cache, else built with Go from the modules in tools/toolchain/versitygw. Nothing of ours needs
 * it to run; an object store in production is somebody else's.
 */
import { join } from "node:path";
import { setupFailed, toolMissing } from "../errors.ts";
import { cacheDir, install } from "./cache.ts";
import { isExecutable, onPath, run, tail } from "./programs.ts";
import type { Say } from "./say.ts";

const name = "versitygw";
const version = "1.8.0";
const modules = join(import.meta.dirname, "../../tools/toolchain", name);

/** Finds it without fetching anything. */
export function findVersitygw(env: NodeJS.ProcessEnv): string | undefined {
  const cached = join(cacheDir(env), name, version, name);
  return onPath(name, env) ?? (isExecutable(cached) ? cached : undefined);
}

/** Finds it, or builds it into the cache. @throws NEB923, NEB924 */
export async function resolveVersitygw(env: NodeJS.ProcessEnv, say: Say): Promise<string> {
  const found = findVersitygw(env);
  if (found !== undefined) return found;
  if (onPath("go", env) === undefined)
    throw toolMissing("versitygw, the S3 server of the tests, is not on PATH, and go is missing to build it", {
      hint: "Install Go 1.25 or newer, or put versitygw 1.8 on PATH.",
    });
  const folder = await install(cacheDir(env), name, version, async (draft) => {
    say.step(`building ${name} ${version} with go, once; it takes a minute or two`);
    const flags = ["build", "-trimpath", "-ldflags", "-s -w", "-o", join(draft, name)];
    const made = await run("go", [...flags, `github.com/versity/${name}/cmd/${name}`], {
      cwd: modules,
      env: { ...env, CGO_ENABLED: "0", GOWORK: "off" },
      onLine: (line) => say.detail(line),
    });
    say.done();
    if (made.code !== 0) throw setupFailed(`go build of ${name} failed: ${tail(made.stderr, 3)}`);
  });
  return join(folder, name);
}
