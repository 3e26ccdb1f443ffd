/**
 * Stripe's own description of its API as a server that refuses what does not fit it: for tests of `platform/stripe` alone. NEBULA_STRIPE_MOCK_BIN,
 * PATH, the cache, else built with Go from the modules in tools/toolchain/stripe-mock.
 */
import { join } from "node:path";
import { setupFailed, toolMissing } from "../errors.ts";
import { cacheDir, install } from "./cache.ts";
import { isExecutable, onPath, run, tail } from "./programs.ts";
import type { Say } from "./say.ts";

const name = "stripe-mock";
const version = "0.203.0";
const mostBuildMs = 15 * 60_000;
const modules = join(import.meta.dirname, "../../tools/toolchain", name);

/** Finds it, or builds it into the cache. @throws NEB923, NEB924 */
export async function resolveStripeMock(env: NodeJS.ProcessEnv, say: Say): Promise<string> {
  const chosen = env.NEBULA_STRIPE_MOCK_BIN;
  if (chosen) {
    if (isExecutable(chosen)) return chosen;
    throw toolMissing(`NEBULA_STRIPE_MOCK_BIN=${chosen} is no program that may be run`, {
      hint: "Name the program itself, or leave the variable out to have it built.",
    });
  }
  const cached = join(cacheDir(env), name, version, name);
  const found = onPath(name, env) ?? (isExecutable(cached) ? cached : undefined);
  if (found !== undefined) return found;
  if (onPath("go", env) === undefined)
    throw toolMissing("stripe-mock, which the tests of payments ask, is not on PATH, and go is missing to build it", {
      hint: "Install Go 1.25 or newer, or put stripe-mock 0.203 on PATH.",
    });
  const folder = await install(cacheDir(env), name, version, async (draft) => {
    say.step(`building ${name} ${version} with go, once; it takes a minute`);
    const flags = ["build", "-trimpath", "-ldflags", "-s -w", "-o", join(draft, name)];
    const made = await run("go", [...flags, `github.com/stripe/${name}`], {
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
